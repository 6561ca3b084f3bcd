/* What every function says of wrong arguments: `errors WEIGHTS OTHER_WEIGHTS`. Prints a line for each call. */
#include <stdio.h>
#include <string.h>

#include "net.h"

static void told(const char *what, pnet_status status)
{
    const char *text = pnet_error();
    printf("%s: %d: %.*s\n", what, (int)status, (int)strcspn(text, "\n"), text);
}

int main(int argc, char **argv)
{
    (void)argc;
    pnet_weights *weights = (pnet_weights *)argv;
    pnet_session *session = (pnet_session *)argv;
    printf("no error yet: \"%s\"\n", pnet_error());
    printf("versions agree: %d\n", strcmp(pnet_version(), NET_VERSION) == 0);

    told("no network", pnet_weights_load(NULL, argv[1], &weights));
    printf("the place is null: %d\n", weights == NULL);
    told("no path", net_load(NULL, &weights));
    told("no place", net_load(argv[1], NULL));
    told("no file", net_load("no/such.safetensors", &weights));
    told("other weights", net_load(argv[2], &weights));
    told("no network but text", pnet_weights_load((const pnet_network *)"0123456789abcdef", argv[1], &weights));
    told("no bytes", net_load_memory(NULL, 10, &weights));
    told("bad bytes", net_load_memory("hello, world", 12, &weights));
    told("too many bytes", net_load_memory("x", (size_t)-1, &weights));
    told("no weights", pnet_session_new(NULL, 1, &session));
    printf("the place is null: %d\n", session == NULL);

    if (net_load(argv[1], &weights) != PNET_OK) {
        return 1;
    }
    told("no place for a session", pnet_session_new(weights, 1, NULL));
    told("too many threads", pnet_session_new(weights, (size_t)-1, &session));
    if (pnet_session_new(weights, 2, &session) != PNET_OK) {
        return 1;
    }
    float image[NET_INPUT_IMAGE_LENGTH] = {0}, scores[NET_OUTPUT_OUTPUT_LENGTH];
    told("no session", net_run(NULL, image, scores));
    told("no input", net_run(session, NULL, scores));
    told("no output", net_run(session, image, NULL));
    told("misaligned", net_run(session, (const float *)(const void *)((const char *)image + 1), scores));
    told("in place", net_run(session, image, image + 3));

    const float *inputs[] = {image, image};
    float *outputs[] = {scores, scores};
    size_t in[] = {NET_INPUT_IMAGE_LENGTH, NET_INPUT_IMAGE_LENGTH}, out[] = {NET_OUTPUT_OUTPUT_LENGTH, 3};
    told("no arrays", pnet_run(session, NULL, in, 1, outputs, out, 1));
    told("no lengths", pnet_run(session, inputs, in, 1, outputs, NULL, 1));
    told("two inputs", pnet_run(session, inputs, in, 2, outputs, out, 1));
    told("no inputs", pnet_run(session, NULL, NULL, 0, outputs, out, 1));
    told("outputs that overlap", pnet_run(session, inputs, in, 1, outputs, out, 2));
    told("many outputs", pnet_run(session, inputs, in, 1, outputs, out, (size_t)-1));
    in[0]--;
    told("a short input", pnet_run(session, inputs, in, 1, outputs, out, 1));
    in[0] = (size_t)-1 / 2;
    told("a long input", pnet_run(session, inputs, in, 1, outputs, out, 1));

    printf("after all that: %d\n", (int)net_run(session, image, scores));
    pnet_session_free(session);
    pnet_weights_free(weights);
    pnet_session_free(NULL);
    pnet_weights_free(NULL);
    return 0;
}
