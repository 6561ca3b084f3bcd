/* Runs a network with one input and one output: `run WEIGHTS INPUT OUTPUT THREADS`, files of floats as they lie in memory. */
#include <stdio.h>
#include <stdlib.h>

#include "net.h"

static void check(pnet_status status)
{
    if (status != PNET_OK) {
        fprintf(stderr, "status %d: %s\n", (int)status, pnet_error());
        exit(1);
    }
}

static float input[NET_INPUT_IMAGE_LENGTH], output[NET_OUTPUT_OUTPUT_LENGTH];

int main(int argc, char **argv)
{
    (void)argc;
    FILE *from = fopen(argv[2], "rb");
    if (!from || fread(input, sizeof(float), NET_INPUT_IMAGE_LENGTH, from) != NET_INPUT_IMAGE_LENGTH) {
        return 2;
    }
    fclose(from);
    pnet_weights *weights;
    check(net_load(argv[1], &weights));
    pnet_session *session;
    check(pnet_session_new(weights, strtoul(argv[4], NULL, 10), &session));
    /* The session keeps what it needs. */
    pnet_weights_free(weights);
    for (int run = 0; run < 3; run++) {
        check(net_run(session, input, output));
    }
    pnet_session_free(session);
    FILE *to = fopen(argv[3], "wb");
    if (!to || fwrite(output, sizeof(float), NET_OUTPUT_OUTPUT_LENGTH, to) != NET_OUTPUT_OUTPUT_LENGTH) {
        return 2;
    }
    return fclose(to) == 0 ? 0 : 2;
}
