/*
 * Reads a handwritten digit with the network of ../digits: `digits WEIGHTS [THREADS]`. The weights are loaded from their
 * file, and once more from memory, as a program does that has them inside or got them from elsewhere.
 */
#include <stdio.h>
#include <stdlib.h>

#include "digits.h"
#include "three.h"

static const char *const NAMES[DIGITS_OUTPUT_OUTPUT_LENGTH] = {
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"};

/* Ends the program if something failed. */
static void check(pnet_status status, const char *doing)
{
    if (status != PNET_OK) {
        fprintf(stderr, "digits: cannot %s: %s\n", doing, pnet_error());
        exit(1);
    }
}

/* The whole content of a file, to be freed. */
static void *content(const char *path, size_t *length)
{
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END) != 0) {
        perror(path);
        exit(1);
    }
    long end = ftell(file);
    void *bytes = end < 0 ? NULL : malloc((size_t)end + 1);
    if (!bytes) {
        fprintf(stderr, "digits: there is no memory for %s\n", path);
        exit(1);
    }
    rewind(file);
    *length = fread(bytes, 1, (size_t)end, file);
    fclose(file);
    return bytes;
}

/* Prints the likeliest digit. */
static void classify(const pnet_weights *weights, size_t threads)
{
    pnet_session *session;
    check(pnet_session_new(weights, threads, &session), "make a session");
    float scores[DIGITS_OUTPUT_OUTPUT_LENGTH];
    check(digits_run(session, PIXELS, scores), "run the network");
    pnet_session_free(session);

    size_t best = 0;
    for (size_t class = 1; class < DIGITS_OUTPUT_OUTPUT_LENGTH; class++) {
        if (scores[class] > scores[best]) {
            best = class;
        }
    }
    printf("%s, with a score of %.4f\n", NAMES[best], scores[best]);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: digits WEIGHTS [THREADS]\n");
        return 2;
    }
    size_t threads = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;

    pnet_weights *weights;
    check(digits_load(argv[1], &weights), "load the weights");
    classify(weights, threads);
    pnet_weights_free(weights);

    size_t length;
    void *bytes = content(argv[1], &length);
    check(digits_load_memory(bytes, length, &weights), "take the weights");
    free(bytes);
    classify(weights, threads);
    pnet_weights_free(weights);
    return 0;
}
