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

struct ranked {
	const struct lm_diag *diag;
	size_t file; // rank, by when a file was first found faulty
};

static int
by_place(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;
	if (x->file != y->file)
		return x->file < y->file ? -1 : 1;
	if (x->diag->line != y->diag->line)
		return x->diag->line < y->diag->line ? -1 : 1;
	if (x->diag->column != y->diag->column)
		return x->diag->column < y->diag->column ? -1 : 1;
	return (x->diag > y->diag) - (x->diag < y->diag); // both are in one array: order of finding
}

static void
format_diag(const struct lm_diag *d, struct lm_buf *out)
{
	lm_buf_text(out, d->file);
	if (d->line != 0)
		lm_buf_format(out, ":%u", d->line);
	if (d->line != 0 && d->column != 0)
		lm_buf_format(out, ":%u", d->column);
	lm_buf_text(out, d->warning ? ": warning: " : ": error: ");
	if (d->layer != nullptr)
		lm_buf_format(out, "layer '%s': ", d->layer);
	lm_buf_format(out, "%s\n", d->text);
}

void
lm_diags_format(const struct lm_diags *diags, struct lm_buf *out)
{
	LM_AUTO(lm_free_ptr) struct ranked *order = lm_alloc_array(diags->count, sizeof *order);
	for (size_t i = 0; i < diags->count; i++) {
		size_t first = 0;
		while (strcmp(diags->items[first].file, diags->items[i].file) != 0)
			first++;
		order[i] = (struct ranked){ &diags->items[i], first };
	}
	if (diags->count > 1)
		qsort(order, diags->count, sizeof *order, by_place);
	for (size_t i = 0; i < diags->count; i++)
		format_diag(order[i].diag, out);
}

void
lm_diags_move(struct lm_diags *to, struct lm_diags *from)
{
	for (size_t i = 0; i < from->count; i++) {
		lm_grow(to->items, to->count, to->cap);
		to->items[to->count++] = from->items[i];
	}
	to->errors += from->errors;
	from->count = 0; // they are not its own any more
	lm_diags_release(from);
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
