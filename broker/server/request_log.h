/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_REQUEST_LOG_H
#define KD_REQUEST_LOG_H
/*
 * One line of the log per request, where log.requests asks for it, once it is
 * answered:
 *
 *   peer=127.0.0.1:5106 request_bytes=41 response_bytes=92 queued_us=3
 *   handled_us=512 request={"api":"Metadata", ...} response={...}
 *
 * queued: from its last byte until its handler began; handled: from then until
 * it was answered. One that is refused with its connection has its line as well.
 * Messages are as print.h has them, each at most
 * KD_LOGGED_BYTES long; with log.requests=headers only the request's header is.
 * Off, a request costs one look at the configuration.
 */
#include "wire/layout.h"

#include <stddef.h>

struct kd_request;

enum { KD_LOGGED_BYTES = 8192 };
enum kd_request_logging { KD_LOG_NO_REQUESTS, KD_LOG_HEADERS, KD_LOG_MESSAGES };

/* Its frame is there: looks whether it is to be logged. */
void kd_request_log_begin(struct kd_request *request);
/* Its handler begins. */
void kd_request_log_start(struct kd_request *request);
/* What will be answered, where encoded bytes alone do not say it. */
void kd_request_log_message(struct kd_request *request, const void *response);
/* It is answered: writes the line. */
void kd_request_log_end(struct kd_request *request);
/* No line for it, after all. */
void kd_request_log_drop(struct kd_request *request);

#endif
