// Tables while they grow. Keys are found through a crit-bit tree: its cost depends on the length of
// the key only, so that no choice of keys makes it slow.
#include "text/toml_parser.h"

#include <assert.h>
#include <string.h>

enum holds { HOLDS_VALUE, HOLDS_TABLE, HOLDS_TABLES };

// A link of the tree: an inner node (which lives in the entry that brought it) or a leaf.
static const uint32_t leaf = 1;

struct lm_toml_entry {
	struct lm_str key;
	struct lm_toml_place place;
	enum holds holds;
	union {
		struct lm_toml value;
		struct lm_toml_table *table;
		struct {
			struct lm_toml_table **items;
			size_t count, cap;
		} tables; // [[key]]
	};
	size_t byte; // the inner node: which byte and bit decide
	uint32_t mask, child[2];
};

// Bytes of a key with its end as a value of its own, so that no key is a prefix of another.
static uint32_t
symbol(struct lm_str key, size_t at)
{
	return at < key.len ? 0x100u | (unsigned char)key.ptr[at] : 0;
}

static uint32_t
direction(const struct lm_toml_entry *node, struct lm_str key)
{
	return (symbol(key, node->byte) & node->mask) != 0;
}

// The entry that shares the longest beginning with `key`; the table is not empty.
static struct lm_toml_entry *
nearest(const struct lm_toml_table *table, struct lm_str key)
{
	uint32_t link = table->tree;
	while (!(link & leaf)) {
		const struct lm_toml_entry *node = &table->entries[link >> 1];
		link = node->child[direction(node, key)];
	}
	return &table->entries[link >> 1];
}

static struct lm_toml_entry *
find(const struct lm_toml_table *table, struct lm_str key)
{
	if (table->count == 0)
		return nullptr;
	struct lm_toml_entry *entry = nearest(table, key);
	return lm_str_equal(entry->key, key) ? entry : nullptr;
}

// Hang the last entry, `index`, into the tree. Its key is new.
static void
link_entry(struct lm_toml_table *table, uint32_t index)
{
	struct lm_toml_entry *entry = &table->entries[index];
	if (index == 0) {
		table->tree = leaf;
		return;
	}
	struct lm_str other = nearest(table, entry->key)->key;
	while (symbol(entry->key, entry->byte) == symbol(other, entry->byte))
		entry->byte++;
	uint32_t differ = symbol(entry->key, entry->byte) ^ symbol(other, entry->byte);
	entry->mask = 1u << (31 - __builtin_clz(differ));
	uint32_t *link = &table->tree;
	while (!(*link & leaf)) {
		struct lm_toml_entry *node = &table->entries[*link >> 1];
		if (node->byte > entry->byte || (node->byte == entry->byte && node->mask < entry->mask))
			break;
		link = &node->child[direction(node, entry->key)];
	}
	uint32_t side = direction(entry, entry->key);
	entry->child[side] = index << 1 | leaf;
	entry->child[1 - side] = *link;
	*link = index << 1;
}

// Doubling room in the scratch arena; what was there before stays behind until the end.
static void *
grow(struct lm_toml_parser *p, void *items, size_t count, size_t *cap, size_t size)
{
	if (count < *cap)
		return items;
	*cap = *cap == 0 ? 4 : *cap * 2;
	void *moved = lm_arena_alloc(&p->scratch, *cap * size);
	if (count > 0)
		memcpy(moved, items, count * size);
	return moved;
}

// A new entry, whose value the caller sets.
static struct lm_toml_entry *
append(struct lm_toml_parser *p, struct lm_toml_table *table, struct lm_toml_part key)
{
	assert(table->count < UINT32_MAX >> 1);
	table->entries = grow(p, table->entries, table->count, &table->cap, sizeof *table->entries);
	struct lm_toml_entry *entry = &table->entries[table->count];
	entry->key = key.text;
	entry->place = key.place;
	link_entry(table, (uint32_t)table->count++);
	return entry;
}

void
lm_toml_table_add(struct lm_toml_parser *p, struct lm_toml_table *table, struct lm_toml_part key, struct lm_toml value)
{
	struct lm_toml_entry *entry = append(p, table, key);
	entry->holds = HOLDS_VALUE;
	entry->value = value;
}

int
lm_toml_table_new(struct lm_toml_parser *p, enum lm_toml_table_kind kind, struct lm_toml_place place, uint32_t depth,
	struct lm_toml_table **out)
{
	if (depth > LM_TOML_MAX_DEPTH)
		return lm_toml_fail_limit(p, "levels of arrays and tables", LM_TOML_MAX_DEPTH);
	if (++p->values > LM_TOML_MAX_VALUES)
		return lm_toml_fail_limit(p, "values", LM_TOML_MAX_VALUES);
	struct lm_toml_table *table = lm_arena_alloc(&p->scratch, sizeof *table);
	table->kind = kind;
	table->place = place;
	table->depth = depth;
	*out = table;
	return 0;
}

static int
add_table(struct lm_toml_parser *p, struct lm_toml_table *parent, struct lm_toml_part key, enum lm_toml_table_kind kind,
	struct lm_toml_place place, struct lm_toml_table **out)
{
	if (lm_toml_table_new(p, kind, place, parent->depth + 1, out) < 0)
		return -1;
	struct lm_toml_entry *entry = append(p, parent, key);
	entry->holds = HOLDS_TABLE;
	entry->table = *out;
	return 0;
}

// Part `index` of the key names something that cannot take more keys.
static int
fail_closed(struct lm_toml_parser *p, size_t index, const struct lm_toml_entry *entry)
{
	struct lm_toml_place place = p->parts[index].place;
	const char *name = lm_toml_show_key(p, index + 1);
	if (entry->holds == HOLDS_TABLES)
		return lm_toml_fail_at(
			p, place, "cannot add to '%s', an array of tables begun at line %u", name, entry->place.line);
	if (entry->holds == HOLDS_TABLE)
		return lm_toml_fail_at(
			p, place, "cannot add to '%s', a table defined at line %u", name, entry->table->place.line);
	if (entry->value.type == LM_TOML_TABLE)
		return lm_toml_fail_at(p, place, "cannot add to '%s', an inline table of line %u", name, entry->place.line);
	return lm_toml_fail_at(p, place, "cannot add to '%s', which is set at line %u to a value of type %s", name,
		entry->place.line, lm_toml_type_name(entry->value.type));
}

int
lm_toml_table_for_key(struct lm_toml_parser *p, struct lm_toml_table *table, struct lm_toml_table **out)
{
	for (size_t i = 0; i + 1 < p->part_count; i++) {
		struct lm_toml_part part = p->parts[i];
		struct lm_toml_entry *entry = find(table, part.text);
		if (entry == nullptr) {
			if (add_table(p, table, part, LM_TOML_TABLE_DOTTED, part.place, &table) < 0)
				return -1;
			continue;
		}
		if (entry->holds != HOLDS_TABLE || entry->table->kind == LM_TOML_TABLE_HEADER)
			return fail_closed(p, i, entry);
		table = entry->table;
		table->kind = LM_TOML_TABLE_DOTTED; // an implicit one is defined by this
	}
	struct lm_toml_part last = p->parts[p->part_count - 1];
	const struct lm_toml_entry *entry = find(table, last.text);
	if (entry != nullptr)
		return lm_toml_fail_at(p, last.place, "duplicate key '%s', first set at line %u",
			lm_toml_show_key(p, p->part_count), entry->place.line);
	*out = table;
	return 0;
}

// The table that part `index` of a header leads to, made where it does not exist.
static int
descend(struct lm_toml_parser *p, size_t index, struct lm_toml_table **table)
{
	struct lm_toml_part part = p->parts[index];
	struct lm_toml_entry *entry = find(*table, part.text);
	if (entry == nullptr)
		return add_table(p, *table, part, LM_TOML_TABLE_IMPLICIT, part.place, table);
	if (entry->holds == HOLDS_VALUE)
		return fail_closed(p, index, entry);
	*table = entry->holds == HOLDS_TABLE ? entry->table : entry->tables.items[entry->tables.count - 1];
	return 0;
}

static int
open_table(struct lm_toml_parser *p, struct lm_toml_table *parent, struct lm_toml_place place, struct lm_toml_table **out)
{
	struct lm_toml_part last = p->parts[p->part_count - 1];
	struct lm_toml_entry *entry = find(parent, last.text);
	if (entry == nullptr)
		return add_table(p, parent, last, LM_TOML_TABLE_HEADER, place, out);
	const char *name = lm_toml_show_key(p, p->part_count);
	if (entry->holds == HOLDS_TABLES)
		return lm_toml_fail_at(
			p, place, "'%s' is an array of tables since line %u, not a table", name, entry->place.line);
	if (entry->holds == HOLDS_VALUE)
		return lm_toml_fail_at(p, place, "duplicate key '%s', first set at line %u", name, entry->place.line);
	if (entry->table->kind != LM_TOML_TABLE_IMPLICIT)
		return lm_toml_fail_at(
			p, place, "duplicate table '%s', first defined at line %u", name, entry->table->place.line);
	entry->table->kind = LM_TOML_TABLE_HEADER;
	entry->table->place = place;
	*out = entry->table;
	return 0;
}

static int
open_array(struct lm_toml_parser *p, struct lm_toml_table *parent, struct lm_toml_place place, struct lm_toml_table **out)
{
	struct lm_toml_part last = p->parts[p->part_count - 1];
	struct lm_toml_entry *entry = find(parent, last.text);
	if (entry != nullptr && entry->holds == HOLDS_TABLE)
		return lm_toml_fail_at(p, place, "'%s' is a table since line %u, not an array of tables",
			lm_toml_show_key(p, p->part_count), entry->table->place.line);
	if (entry != nullptr && entry->holds == HOLDS_VALUE)
		return lm_toml_fail_at(p, place, "duplicate key '%s', first set at line %u", lm_toml_show_key(p, p->part_count),
			entry->place.line);
	if (lm_toml_table_new(p, LM_TOML_TABLE_HEADER, place, parent->depth + 2, out) < 0)
		return -1;
	if (entry == nullptr) {
		last.place = place;
		entry = append(p, parent, last);
		entry->holds = HOLDS_TABLES;
	}
	entry->tables.items =
		grow(p, entry->tables.items, entry->tables.count, &entry->tables.cap, sizeof(struct lm_toml_table *));
	entry->tables.items[entry->tables.count++] = *out;
	return 0;
}

int
lm_toml_table_open(struct lm_toml_parser *p, struct lm_toml_table *root, bool is_array, struct lm_toml_place place,
	struct lm_toml_table **section)
{
	struct lm_toml_table *table = root;
	for (size_t i = 0; i + 1 < p->part_count; i++)
		if (descend(p, i, &table) < 0)
			return -1;
	return is_array ? open_array(p, table, place, section) : open_table(p, table, place, section);
}

static struct lm_toml
freeze_array(struct lm_toml_parser *p, const struct lm_toml_entry *entry)
{
	struct lm_toml *items = lm_arena_alloc(p->arena, entry->tables.count * sizeof *items);
	for (size_t i = 0; i < entry->tables.count; i++)
		items[i] = lm_toml_table_freeze(p, entry->tables.items[i]);
	return (struct lm_toml){
		.type = LM_TOML_ARRAY,
		.place = entry->place,
		.array = { items, entry->tables.count },
	};
}

// Recursion ends at LM_TOML_MAX_DEPTH.
struct lm_toml
lm_toml_table_freeze(struct lm_toml_parser *p, const struct lm_toml_table *table)
{
	struct lm_toml_pair *pairs = lm_arena_alloc(p->arena, table->count * sizeof *pairs);
	for (size_t i = 0; i < table->count; i++) {
		const struct lm_toml_entry *entry = &table->entries[i];
		pairs[i].key = entry->key;
		pairs[i].place = entry->place;
		if (entry->holds == HOLDS_VALUE)
			pairs[i].value = entry->value;
		else if (entry->holds == HOLDS_TABLE)
			pairs[i].value = lm_toml_table_freeze(p, entry->table);
		else
			pairs[i].value = freeze_array(p, entry);
	}
	return (struct lm_toml){
		.type = LM_TOML_TABLE,
		.place = table->place,
		.table = { pairs, table->count },
	};
}
