// A request on its way, for server.c and send.c only.
#pragma once

#include "fake/call.h"
#include "fake/control.h"
#include "fake/fake.h"
#include "fake/microhttpd.h"
#include "fake/multipart.h"

struct lm_fake {
	struct MHD_Daemon *daemon;
	uint16_t port;
	int stop; // an eventfd that is readable when we stop
	uint64_t latency_ms;
	struct lm_fake_state state;
	struct lm_fake_log log;
	struct lm_fake_control control;
	struct lm_buf faults;
	pthread_rwlock_t use; // of the state: a reset wants it alone
};

struct lm_fake_request {
	struct lm_fake *fake;
	struct lm_fake_call call;
	char *method, *path, *id;
	struct lm_fake_faults *faults;
	const struct lm_fake_rule *rule; // in `faults`, or null
	struct lm_buf body;
	struct lm_spool spool;
	struct lm_form form;
	uint64_t received;
	struct lm_err fault;      // with the body
	bool too_large, answered;
};

// Answer and note it in the log.
[[nodiscard]] enum MHD_Result lm_fake_send(struct lm_fake_request *request, struct lm_fake_reply *reply);
// Cut the connection so that the client gets a reset; the handler returns what this returns.
[[nodiscard]] enum MHD_Result lm_fake_reset(struct lm_fake_request *request);
// Wait until the client has gone or we stop.
void lm_fake_hang(struct lm_fake_request *request);
// Wait; true when we stop.
bool lm_fake_wait(const struct lm_fake *fake, uint64_t ms);
void lm_fake_log_request(struct lm_fake_request *request, const struct lm_fake_reply *reply); // reply null: there is none
