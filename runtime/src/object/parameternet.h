/*
 * The functions that run networks which pnetc compiled. Every header of a network has this part, once for all of them;
 * the functions are in the runtime library, parameternet_c.
 *
 * Threads: a pnet_weights may be used by any number of threads at once. A pnet_session is for one thread at a time, and
 * a call that comes while another one runs is refused. What is freed must not be in use.
 *
 * Errors: every function that can fail gives a status. PNET_OK is 0; for all others, pnet_error() is a text that says
 * what is wrong. No function ends the program or lets an exception of Rust through.
 */
#ifndef PARAMETERNET_H
#define PARAMETERNET_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum pnet_status {
    /* It is done. */
    PNET_OK = 0,
    /* A pointer is null, misaligned, or to memory that is used twice. */
    PNET_ERROR_ARGUMENT = 1,
    /* The network was compiled by another version of pnetc, or is none. */
    PNET_ERROR_VERSION = 2,
    /* This machine cannot run the code, or PNET_ISA asks for what is not there. */
    PNET_ERROR_MACHINE = 3,
    /* The weights cannot be read, or are no safetensors file. */
    PNET_ERROR_FILE = 4,
    /* The weights are those of another network. */
    PNET_ERROR_WEIGHTS = 5,
    /* There is not enough memory, or no thread can be started. */
    PNET_ERROR_RESOURCES = 6,
    /* There are more or fewer inputs or outputs than the network has, or they have another length. */
    PNET_ERROR_LENGTH = 7,
    /* The session is running in another thread. */
    PNET_ERROR_BUSY = 8,
    /* A defect of the runtime; please report it. */
    PNET_ERROR_DEFECT = 9
} pnet_status;

/* A network as it stands in the program: its header says which function gives it. */
typedef struct pnet_network pnet_network;

/* The weights of a network, ready to run. */
typedef struct pnet_weights pnet_weights;

/* One user of weights, with memory and threads of its own. */
typedef struct pnet_session pnet_session;

/* The version of the runtime library, such as "0.1.0". Lives as long as the program. */
const char *pnet_version(void);

/* What the last failure of a call on this thread was, in English; "" if there was none. Lives until the next call of any
 * function but this one on the same thread. */
const char *pnet_error(void);

/* Loads a safetensors file, which is not needed afterwards. The path is UTF-8, except on Unix, where it may be any bytes.
 * Where it fails, *weights is null. */
pnet_status pnet_weights_load(const pnet_network *network, const char *path, pnet_weights **weights);

/* Takes the content of a safetensors file, which is not needed afterwards. */
pnet_status pnet_weights_from_memory(
    const pnet_network *network, const void *bytes, size_t length, pnet_weights **weights);

/* Frees weights; sessions that were made of them go on. Null is ignored. */
void pnet_weights_free(pnet_weights *weights);

/* Makes a session of so many threads, the calling one among them; 0 stands for as many as the network was compiled for.
 * The results are the same for any number. Where it fails, *session is null. */
pnet_status pnet_session_new(const pnet_weights *weights, size_t threads, pnet_session **session);

/* Frees a session and ends its threads. Null is ignored. */
void pnet_session_free(pnet_session *session);

/* Computes the outputs for these inputs. Each is an array of floats in row-major order; lengths count floats. Outputs
 * share no memory with inputs or each other. Allocates nothing. Where it fails, nothing is written. */
pnet_status pnet_run(
    pnet_session *session,
    const float *const *inputs, const size_t *input_lengths, size_t input_count,
    float *const *outputs, const size_t *output_lengths, size_t output_count);

#ifdef __cplusplus
}
#endif

#endif
