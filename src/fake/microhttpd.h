// libmicrohttpd, loaded when the fake provider starts. Its functions are called by their own names; lm_microhttpd_load comes first.
#pragma once

#include "base/base.h"
#include "base/err.h"

#include <microhttpd.h>

#define LM_MICROHTTPD_FUNCTIONS(X) \
	X(MHD_add_response_header) \
	X(MHD_create_response_from_buffer) \
	X(MHD_create_response_from_callback) \
	X(MHD_create_response_from_fd64) \
	X(MHD_destroy_response) \
	X(MHD_get_connection_info) \
	X(MHD_lookup_connection_value) \
	X(MHD_queue_response) \
	X(MHD_start_daemon) \
	X(MHD_stop_daemon)

extern struct lm_microhttpd {
#define LM_MEMBER(name) typeof(name) *name;
	LM_MICROHTTPD_FUNCTIONS(LM_MEMBER)
#undef LM_MEMBER
} lm_microhttpd;

// Load it, once; any thread may. LM_E_UNSUPPORTED when it is not installed.
[[nodiscard]] int lm_microhttpd_load(struct lm_err *err);

#ifndef LM_MICROHTTPD_LOADER // who loads it needs the names as they are
#define MHD_add_response_header lm_microhttpd.MHD_add_response_header
#define MHD_create_response_from_buffer lm_microhttpd.MHD_create_response_from_buffer
#define MHD_create_response_from_callback lm_microhttpd.MHD_create_response_from_callback
#define MHD_create_response_from_fd64 lm_microhttpd.MHD_create_response_from_fd64
#define MHD_destroy_response lm_microhttpd.MHD_destroy_response
#define MHD_get_connection_info lm_microhttpd.MHD_get_connection_info
#define MHD_lookup_connection_value lm_microhttpd.MHD_lookup_connection_value
#define MHD_queue_response lm_microhttpd.MHD_queue_response
#define MHD_start_daemon lm_microhttpd.MHD_start_daemon
#define MHD_stop_daemon lm_microhttpd.MHD_stop_daemon
#endif
