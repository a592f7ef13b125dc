// libcurl, loaded when there is something to fetch: it brings thirty libraries that other runs have no use for.
// Its functions are called by their own names; lm_curl_load comes first.
#pragma once

#include "base/base.h"
#include "base/err.h"

#include <curl/curl.h>

#define LM_CURL_FUNCTIONS(X) \
	X(curl_easy_cleanup) \
	X(curl_easy_getinfo) \
	X(curl_easy_header) \
	X(curl_easy_init) \
	X(curl_easy_reset) \
	X(curl_easy_setopt) \
	X(curl_easy_strerror) \
	X(curl_free) \
	X(curl_global_init) \
	X(curl_multi_add_handle) \
	X(curl_multi_cleanup) \
	X(curl_multi_info_read) \
	X(curl_multi_init) \
	X(curl_multi_perform) \
	X(curl_multi_poll) \
	X(curl_multi_remove_handle) \
	X(curl_slist_append) \
	X(curl_slist_free_all) \
	X(curl_url) \
	X(curl_url_cleanup) \
	X(curl_url_get) \
	X(curl_url_set)

extern struct lm_curl {
#define LM_MEMBER(name) typeof(name) *name;
	LM_CURL_FUNCTIONS(LM_MEMBER)
#undef LM_MEMBER
} lm_curl;

// Load and initialise it, once; any thread may. LM_E_UNSUPPORTED when it is not installed.
[[nodiscard]] int lm_curl_load(struct lm_err *err);

#ifndef LM_CURL_LOADER // who loads it needs the names as they are
#define curl_easy_cleanup lm_curl.curl_easy_cleanup
#undef curl_easy_getinfo
#define curl_easy_getinfo lm_curl.curl_easy_getinfo
#define curl_easy_header lm_curl.curl_easy_header
#define curl_easy_init lm_curl.curl_easy_init
#define curl_easy_reset lm_curl.curl_easy_reset
#undef curl_easy_setopt
#define curl_easy_setopt lm_curl.curl_easy_setopt
#define curl_easy_strerror lm_curl.curl_easy_strerror
#define curl_free lm_curl.curl_free
#define curl_global_init lm_curl.curl_global_init
#define curl_multi_add_handle lm_curl.curl_multi_add_handle
#define curl_multi_cleanup lm_curl.curl_multi_cleanup
#define curl_multi_info_read lm_curl.curl_multi_info_read
#define curl_multi_init lm_curl.curl_multi_init
#define curl_multi_perform lm_curl.curl_multi_perform
#define curl_multi_poll lm_curl.curl_multi_poll
#define curl_multi_remove_handle lm_curl.curl_multi_remove_handle
#define curl_slist_append lm_curl.curl_slist_append
#define curl_slist_free_all lm_curl.curl_slist_free_all
#define curl_url lm_curl.curl_url
#define curl_url_cleanup lm_curl.curl_url_cleanup
#define curl_url_get lm_curl.curl_url_get
#define curl_url_set lm_curl.curl_url_set
#endif
