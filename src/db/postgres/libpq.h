// libpq, loaded when a run is in PostgreSQL: it brings twenty libraries that other runs have no use for, and need not be installed
// for them. Its functions are called by their own names; lm_libpq_load comes first.
#pragma once

#include "base/base.h"
#include "base/err.h"

#include <libpq-fe.h>

#define LM_LIBPQ_FUNCTIONS(X) \
	X(PQclear) \
	X(PQcmdStatus) \
	X(PQcmdTuples) \
	X(PQconnectdbParams) \
	X(PQconninfoFree) \
	X(PQconninfoParse) \
	X(PQerrorMessage) \
	X(PQescapeIdentifier) \
	X(PQexec) \
	X(PQexecParams) \
	X(PQexecPrepared) \
	X(PQfinish) \
	X(PQfreemem) \
	X(PQgetisnull) \
	X(PQgetvalue) \
	X(PQntuples) \
	X(PQprepare) \
	X(PQresultErrorField) \
	X(PQresultStatus) \
	X(PQsetNoticeProcessor) \
	X(PQstatus) \
	X(PQtransactionStatus)

extern struct lm_libpq {
#define LM_MEMBER(name) typeof(name) *name;
	LM_LIBPQ_FUNCTIONS(LM_MEMBER)
#undef LM_MEMBER
} lm_libpq;

// Load it, once; any thread may. LM_E_UNSUPPORTED when it is not installed.
[[nodiscard]] int lm_libpq_load(struct lm_err *err);

#ifndef LM_LIBPQ_LOADER // who loads it needs the names as they are
#define PQclear lm_libpq.PQclear
#define PQcmdStatus lm_libpq.PQcmdStatus
#define PQcmdTuples lm_libpq.PQcmdTuples
#define PQconnectdbParams lm_libpq.PQconnectdbParams
#define PQconninfoFree lm_libpq.PQconninfoFree
#define PQconninfoParse lm_libpq.PQconninfoParse
#define PQerrorMessage lm_libpq.PQerrorMessage
#define PQescapeIdentifier lm_libpq.PQescapeIdentifier
#define PQexec lm_libpq.PQexec
#define PQexecParams lm_libpq.PQexecParams
#define PQexecPrepared lm_libpq.PQexecPrepared
#define PQfinish lm_libpq.PQfinish
#define PQfreemem lm_libpq.PQfreemem
#define PQgetisnull lm_libpq.PQgetisnull
#define PQgetvalue lm_libpq.PQgetvalue
#define PQntuples lm_libpq.PQntuples
#define PQprepare lm_libpq.PQprepare
#define PQresultErrorField lm_libpq.PQresultErrorField
#define PQresultStatus lm_libpq.PQresultStatus
#define PQsetNoticeProcessor lm_libpq.PQsetNoticeProcessor
#define PQstatus lm_libpq.PQstatus
#define PQtransactionStatus lm_libpq.PQtransactionStatus
#endif
