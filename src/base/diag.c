#include "base/diag.h"

#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
lm_diags_add(struct lm_diags *diags, bool warning, const char *file, uint32_t line, uint32_t column, const char *layer,
	const char *format, ...)
{
	va_list args;
	va_start(args, format);
	char *text = nullptr;
	if (vasprintf(&text, format, args) < 0)
		abort();
	va_end(args);
	lm_grow(diags->items, diags->count, diags->cap);
	diags->items[diags->count++] = (struct lm_diag){
		.warning = warning,
		.file = lm_strdup(file),
		.line = line,
		.column = column,
		.layer = layer == nullptr ? nullptr : lm_strdup(layer),
		.text = text,
	};
	if (!warning)
		diags->errors++;
}

static int
by_place(const void *a, const void *b)
{
	const struct lm_diag *x = *(const struct lm_diag *const *)a, *y = *(const struct lm_diag *const *)b;
	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	if (x->column != y->column)
		return x->column < y->column ? -1 : 1;
	return (x > y) - (x < y); // both are in one array: order of finding
}

void
lm_diags_format(const struct lm_diags *diags, struct lm_buf *out)
{
	LM_AUTO(lm_free_ptr) const struct lm_diag **order = lm_alloc_array(diags->count, sizeof(struct lm_diag *));
	for (size_t i = 0; i < diags->count; i++)
		order[i] = &diags->items[i];
	if (diags->count > 1)
		qsort(order, diags->count, sizeof *order, by_place);
	for (size_t i = 0; i < diags->count; i++) {
		const struct lm_diag *d = order[i];
		lm_buf_text(out, d->file);
		if (d->line != 0)
			lm_buf_format(out, ":%u:%u", d->line, d->column);
		lm_buf_text(out, d->warning ? ": warning: " : ": error: ");
		if (d->layer != nullptr)
			lm_buf_format(out, "layer '%s': ", d->layer);
		lm_buf_format(out, "%s\n", d->text);
	}
}

void
lm_diags_release(struct lm_diags *diags)
{
	for (size_t i = 0; i < diags->count; i++) {
		free(diags->items[i].file);
		free(diags->items[i].layer);
		free(diags->items[i].text);
	}
	free(diags->items);
	*diags = (struct lm_diags){};
}
