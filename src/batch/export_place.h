// Where an export goes: <destination>/<run id>, made beside it and put in its place at once.
#pragma once

#include "base/base.h"
#include "base/err.h"

// Zero-initialised is closed.
struct lm_export_place {
	char *target; // <destination>/<run id>; an earlier export may be there
	char *folder; // the new one, being filled: <destination>/.<run id>.export.<hexadecimal digits>
	char *destination;
	char *made_from; // the uppermost folder that was made for it; null: it was there
	int folder_fd;   // locked, so that others see that we live
	bool locked;
};

// Make the folder to fill. What killed exports of this run left is removed; an export that a killed one had put aside comes back.
// LM_E_CONFLICT: something else than an export of this run is at `target`.
[[nodiscard]] int lm_export_place_open(
	struct lm_export_place *place, const char *destination, const char *run_id, struct lm_err *err);
// Put the new export where the old one is, if there is one; that one is removed.
[[nodiscard]] int lm_export_place_commit(struct lm_export_place *place, struct lm_err *err);
// Remove the new folder when it was not committed, and then folders that were made for it and are empty. Fits LM_AUTO.
void lm_export_place_close(struct lm_export_place *place);
