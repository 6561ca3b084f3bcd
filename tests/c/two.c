/* Two networks in one program, at once in two threads: `two FIRST_WEIGHTS SECOND_WEIGHTS`. Prints a sum for each. */
#include <pthread.h>
#include <stdio.h>

#include "first.h"
#include "second.h"

struct job {
    const pnet_network *network;
    const char *path;
    size_t input_length, output_length;
    double sum;
};

static void *work(void *argument)
{
    static const float zeros[FIRST_INPUT_IMAGE_LENGTH + SECOND_INPUT_X_LENGTH];
    struct job *job = argument;
    float scores[FIRST_OUTPUT_OUTPUT_LENGTH + SECOND_OUTPUT_OUTPUT_LENGTH];
    const float *inputs[] = {zeros};
    float *outputs[] = {scores};
    pnet_weights *weights;
    pnet_session *session;
    if (pnet_weights_load(job->network, job->path, &weights) != PNET_OK
        || pnet_session_new(weights, 2, &session) != PNET_OK
        || pnet_run(session, inputs, &job->input_length, 1, outputs, &job->output_length, 1) != PNET_OK) {
        fprintf(stderr, "%s\n", pnet_error());
        return NULL;
    }
    for (size_t index = 0; index < job->output_length; index++) {
        job->sum += scores[index];
    }
    pnet_session_free(session);
    pnet_weights_free(weights);
    return NULL;
}

int main(int argc, char **argv)
{
    (void)argc;
    struct job first = {first_network(), argv[1], FIRST_INPUT_IMAGE_LENGTH, FIRST_OUTPUT_OUTPUT_LENGTH, 0};
    struct job second = {second_network(), argv[2], SECOND_INPUT_X_LENGTH, SECOND_OUTPUT_OUTPUT_LENGTH, 0};
    pthread_t thread;
    if (pthread_create(&thread, NULL, work, &first) != 0) {
        return 1;
    }
    work(&second);
    pthread_join(thread, NULL);
    printf("%.9g %.9g\n", first.sum, second.sum);
    return 0;
}
