// Which layers a layer stands on, and in which order Python sees them (C3 linearization, as for classes:
// docs.python.org/3/howto/mro.html).
#include "stack/spec_read.h"

#include <string.h>

static const char *
strip_prefix(const char *name)
{
	static const char *const prefixes[] = { "framework-", "app-" };
	for (size_t i = 0; i < LM_COUNT(prefixes); i++)
		if (lm_cstr_starts(name, prefixes[i]))
			return name + strlen(prefixes[i]);
	return name;
}

static size_t
find_kind(const struct lm_spec_reader *r, enum lm_layer_kind kind, const char *name)
{
	const struct lm_spec *spec = r->spec;
	for (size_t i = 0; i < spec->layer_count; i++)
		if (spec->layers[i].kind == kind && r->drafts[i].has_name && strcmp(spec->layers[i].name, name) == 0)
			return i;
	return SIZE_MAX;
}

static const char *
nearest_layer(struct lm_spec_reader *r, enum lm_layer_kind kind, const char *name, size_t self)
{
	const char *names[LM_SPEC_MAX_LAYERS];
	size_t count = 0;

	for (size_t i = 0; i < r->spec->layer_count; i++)
		if (i != self && r->spec->layers[i].kind == kind && r->drafts[i].has_name)
			names[count++] = r->spec->layers[i].name;
	const char *bare = strip_prefix(name);
	if (bare != name && find_kind(r, kind, bare) != SIZE_MAX)
		return lm_arena_format(&r->spec->arena, "; did you mean '%s'?", bare);
	return lm_spec_did_you_mean(r, name, names, count);
}

static size_t
find_runtime(struct lm_spec_reader *r, size_t self, const char *name, struct lm_toml_place place)
{
	size_t found = find_kind(r, LM_RUNTIME, name);
	if (found != SIZE_MAX)
		return found;
	if (find_kind(r, LM_FRAMEWORK, name) != SIZE_MAX)
		lm_spec_error(r, place, "'%s' is a framework, not a runtime; write frameworks = [\"%s\"]", name, name);
	else
		lm_spec_error(r, place, "unknown runtime '%s'%s", name, nearest_layer(r, LM_RUNTIME, name, self));
	return SIZE_MAX;
}

static size_t
find_framework(struct lm_spec_reader *r, size_t self, const char *name, struct lm_toml_place place)
{
	size_t found = find_kind(r, LM_FRAMEWORK, name);
	if (found != SIZE_MAX && found < self)
		return found;
	if (found == self)
		lm_spec_error(r, place, "the framework depends on itself");
	else if (found != SIZE_MAX)
		lm_spec_error(r, place,
			"the framework '%s' is declared later, at line %u; a layer depends only on layers before it", name,
			r->spec->layers[found].place.line);
	else if (find_kind(r, LM_RUNTIME, name) != SIZE_MAX)
		lm_spec_error(r, place, "'%s' is a runtime, not a framework; write runtime = \"%s\"", name, name);
	else if (find_kind(r, LM_APPLICATION, name) != SIZE_MAX)
		lm_spec_error(r, place, "'%s' is an application; layers depend only on runtimes and frameworks", name);
	else
		lm_spec_error(r, place, "unknown framework '%s'%s", name, nearest_layer(r, LM_FRAMEWORK, name, self));
	return SIZE_MAX;
}

// One order that the result must keep: layers[at..count), of which those before `at` are placed already.
struct order {
	const size_t *layers;
	size_t count, at;
	size_t owner; // the layer that asks for it
};

static const char *
label(struct lm_spec_reader *r, size_t self, size_t layer)
{
	const struct lm_layer_spec *spec = &r->spec->layers[layer];
	return layer == self ? spec->build_name : spec->name;
}

// "layer 'o' needs 'x' before 'y'"
static void
append_need(struct lm_spec_reader *r, size_t self, const struct order *order, size_t y, struct lm_buf *out)
{
	size_t x = order->layers[order->at];
	if (x == order->owner && x != self)
		lm_buf_format(out, "'%s' depends on '%s' and must come before it", label(r, self, x), label(r, self, y));
	else
		lm_buf_format(out, "layer '%s' needs '%s' before '%s'", label(r, self, order->owner), label(r, self, x),
			label(r, self, y));
}

static bool
waits_in(const struct order *order, size_t layer)
{
	for (size_t i = order->at + 1; i < order->count; i++)
		if (order->layers[i] == layer)
			return true;
	return false;
}

static bool
is_done(const struct order *order)
{
	return order->at == order->count;
}

static size_t
head(const struct order *order)
{
	return order->layers[order->at];
}

// Two orders that contradict each other directly.
static bool
find_pair(struct lm_spec_reader *r, size_t self, const struct order *orders, size_t count, struct lm_buf *text)
{
	for (size_t step = 0; step < count; step++) {
		// the last order is the layer's own list: what its author sees comes first
		const struct order *first = &orders[(step + count - 1) % count];
		for (size_t j = 0; j < count; j++) {
			const struct order *second = &orders[j];
			if (is_done(first) || is_done(second) || !waits_in(first, head(second)) ||
				!waits_in(second, head(first)))
				continue;
			append_need(r, self, first, head(second), text);
			lm_buf_text(text, ", but ");
			append_need(r, self, second, head(first), text);
			return true;
		}
	}
	return false;
}

// Every head waits in the tail of another order. Going from a head to an order it waits in, and on to that one's head,
// comes around; the circle is the reason.
static void
find_circle(struct lm_spec_reader *r, size_t self, const struct order *orders, size_t count, struct lm_buf *text)
{
	LM_AUTO(lm_free_ptr) size_t *path = lm_alloc_array(count + 1, sizeof *path);
	size_t len = 0, start = 0, at = 0;

	while (is_done(&orders[at]))
		at++;
	for (;;) {
		for (start = 0; start < len && path[start] != at; start++)
			;
		path[len] = at;
		if (start < len)
			break;
		size_t layer = head(&orders[path[len++]]);
		for (at = 0; is_done(&orders[at]) || !waits_in(&orders[at], layer); at++)
			;
	}
	for (size_t k = len; k > start; k--) { // the head of path[k] comes before that of path[k - 1]
		lm_buf_text(text, k == len ? "" : k == start + 1 ? ", and " : ", ");
		append_need(r, self, &orders[path[k]], head(&orders[path[k - 1]]), text);
	}
}

static void
report_conflict(struct lm_spec_reader *r, size_t self, const struct order *orders, size_t count)
{
	LM_AUTO(lm_buf_release) struct lm_buf text = {};

	if (!find_pair(r, self, orders, count, &text))
		find_circle(r, self, orders, count, &text);
	lm_spec_error(r, r->drafts[self].depends_place, "no import order fits: %s", text.ptr);
}

// Merge the orders into `out`. Returns the length; on a conflict, which is reported, SIZE_MAX.
static size_t
merge(struct lm_spec_reader *r, size_t self, struct order *orders, size_t count, size_t *out)
{
	LM_AUTO(lm_free_ptr) size_t *waiting = lm_alloc_array(r->spec->layer_count, sizeof *waiting);
	size_t len = 0, left = 0;

	for (size_t i = 0; i < count; i++) {
		left += orders[i].count;
		for (size_t j = 1; j < orders[i].count; j++)
			waiting[orders[i].layers[j]]++;
	}
	while (left > 0) {
		size_t next = SIZE_MAX;
		for (size_t i = 0; i < count && next == SIZE_MAX; i++)
			if (!is_done(&orders[i]) && waiting[head(&orders[i])] == 0)
				next = head(&orders[i]);
		if (next == SIZE_MAX) {
			report_conflict(r, self, orders, count);
			return SIZE_MAX;
		}
		out[len++] = next;
		for (size_t i = 0; i < count; i++) {
			if (is_done(&orders[i]) || head(&orders[i]) != next)
				continue;
			orders[i].at++;
			left--;
			if (!is_done(&orders[i]))
				waiting[head(&orders[i])]--;
		}
	}
	return len;
}

static bool
linearize(struct lm_spec_reader *r, size_t self)
{
	struct lm_spec *spec = r->spec;
	struct lm_layer_spec *layer = &spec->layers[self];
	size_t count = layer->depend_count, total = 0;
	for (size_t i = 0; i < count; i++)
		total += spec->layers[layer->depends[i]].lower_count;
	LM_AUTO(lm_free_ptr) struct order *orders = lm_alloc_array(count + 1, sizeof *orders);
	LM_AUTO(lm_free_ptr) size_t *lists = lm_alloc_array(total, sizeof *lists);

	size_t *own = lists;
	for (size_t i = 0; i < count; i++) {
		const struct lm_layer_spec *below = &spec->layers[layer->depends[i]];
		own[0] = layer->depends[i]; // itself, then what it stands on, without the runtime
		memcpy(own + 1, below->lower, (below->lower_count - 1) * sizeof *own);
		orders[i] = (struct order){ .layers = own, .count = below->lower_count, .owner = layer->depends[i] };
		own += below->lower_count;
	}
	orders[count] = (struct order){ .layers = layer->depends, .count = count, .owner = self };
	layer->lower = lm_arena_alloc(&spec->arena, (total + 1) * sizeof *layer->lower); // the runtime last
	size_t merged = merge(r, self, orders, count + 1, layer->lower);
	if (merged == SIZE_MAX)
		return false;
	layer->lower[merged] = layer->runtime;
	layer->lower_count = merged + 1;
	return true;
}

static bool
same_runtime(struct lm_spec_reader *r, const struct lm_layer_spec *layer, const struct lm_placed_text *names)
{
	const struct lm_spec *spec = r->spec;
	for (size_t i = 1; i < layer->depend_count; i++) {
		size_t first = spec->layers[layer->depends[0]].runtime, other = spec->layers[layer->depends[i]].runtime;
		if (first == other)
			continue;
		lm_spec_error(r, names[i].place, "frameworks of two runtimes: '%s' uses '%s', but '%s' uses '%s'",
			spec->layers[layer->depends[0]].name, spec->layers[first].name, spec->layers[layer->depends[i]].name,
			spec->layers[other].name);
		return false;
	}
	return true;
}

static bool
link_frameworks(struct lm_spec_reader *r, size_t index)
{
	struct lm_layer_spec *layer = &r->spec->layers[index];
	struct lm_placed_text *names;
	bool faulty = false;
	size_t count = lm_spec_get_texts(r, r->drafts[index].table, "frameworks", &names, &faulty);

	if (count > LM_SPEC_MAX_LAYERS) {
		lm_spec_error(r, r->drafts[index].depends_place, "more than %d frameworks", LM_SPEC_MAX_LAYERS);
		return false;
	}
	if (count == 0 && !faulty)
		lm_spec_error(
			r, r->drafts[index].depends_place, "'frameworks' is empty; name a framework, or a 'runtime' instead");
	layer->depends = lm_arena_alloc(&r->spec->arena, count * sizeof *layer->depends);
	for (size_t i = 0; i < count; i++) {
		size_t found = find_framework(r, index, names[i].text, names[i].place);
		bool twice = false;
		for (size_t j = 0; j < layer->depend_count && found != SIZE_MAX; j++)
			twice = twice || layer->depends[j] == found;
		if (twice)
			lm_spec_error(r, names[i].place, "the framework '%s' is listed twice", names[i].text);
		if (found == SIZE_MAX || twice || r->drafts[found].broken)
			faulty = true;
		else
			layer->depends[layer->depend_count++] = found;
	}
	if (faulty || count == 0 || !same_runtime(r, layer, names))
		return false;
	layer->runtime = r->spec->layers[layer->depends[0]].runtime;
	return linearize(r, index);
}

static bool
link_runtime(struct lm_spec_reader *r, size_t index)
{
	struct lm_layer_spec *layer = &r->spec->layers[index];
	const char *name = lm_spec_get_text(r, r->drafts[index].table, "runtime");

	if (name == nullptr)
		return false;
	layer->runtime = find_runtime(r, index, name, r->drafts[index].depends_place);
	if (layer->runtime == SIZE_MAX)
		return false;
	layer->lower = lm_arena_alloc(&r->spec->arena, sizeof *layer->lower);
	layer->lower[0] = layer->runtime;
	layer->lower_count = 1;
	return true;
}

void
lm_spec_link_layer(struct lm_spec_reader *r, size_t index)
{
	struct lm_layer_spec *layer = &r->spec->layers[index];
	struct lm_layer_draft *draft = &r->drafts[index];
	const struct lm_toml *runtime = lm_toml_get(draft->table, "runtime");
	const struct lm_toml *frameworks = lm_toml_get(draft->table, "frameworks");

	layer->runtime = index;
	if (layer->kind == LM_RUNTIME)
		return;
	r->layer = draft->label;
	draft->broken = true;
	draft->depends_place = runtime != nullptr ? runtime->place : frameworks != nullptr ? frameworks->place : layer->place;
	if (runtime != nullptr && frameworks != nullptr)
		lm_spec_error(r, frameworks->place,
			"'runtime' and 'frameworks' exclude each other: the frameworks imply the runtime");
	else if (runtime != nullptr)
		draft->broken = !link_runtime(r, index);
	else if (frameworks != nullptr)
		draft->broken = !link_frameworks(r, index);
	else
		lm_spec_error(r, layer->place, "neither 'runtime' nor 'frameworks' says what the layer is built on");
	if (!draft->broken) {
		const struct lm_layer_spec *base = &r->spec->layers[layer->runtime];
		layer->python_implementation = base->python_implementation;
		layer->py_version = base->py_version;
		layer->py_major = base->py_major;
		layer->py_minor = base->py_minor;
	}
	r->layer = nullptr;
}
