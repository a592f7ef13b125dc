// Files: resumable uploads, in any number of pieces, and downloads.
#include "base/mem.h"
#include "fake/gemini.h"
#include "fake/shape.h"
#include "os/file.h"
#include "text/json.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { KEPT_S = 48 * 3600, MAX_UPLOADS = 100000 };

static void
show_file(struct lm_buf *out, const struct lm_fake_file *file, uint16_t port)
{
	bool made = strcmp(file->purpose, "batch_output") == 0;
	lm_buf_format(out, "{\"name\":\"files/%s\"", file->id);
	lm_fake_add_text(out, "displayName", file->name);
	lm_fake_add_text(out, "mimeType", made ? "application/jsonl" : file->purpose);
	lm_buf_format(out, ",\"sizeBytes\":\"%llu\"", (unsigned long long)file->size_bytes);
	lm_fake_add_time(out, "createTime", file->created_s);
	lm_fake_add_time(out, "updateTime", file->created_s);
	lm_fake_add_time(out, "expirationTime", file->created_s + KEPT_S);
	lm_buf_format(out, ",\"uri\":\"http://127.0.0.1:%u/v1beta/files/%s\"", port, file->id);
	if (made)
		lm_buf_format(
			out, ",\"downloadUri\":\"http://127.0.0.1:%u/v1beta/files/%s:download?alt=media\"", port, file->id);
	lm_buf_format(out, ",\"state\":\"ACTIVE\",\"source\":\"%s\"}", made ? "GENERATED" : "UPLOADED");
}

// ---- uploads

static void
start_upload(struct lm_fake_state *state, struct lm_fake_call *call, struct lm_fake_reply *reply)
{
	LM_AUTO(lm_json_decref_ptr) json_t *asked = nullptr;
	const char *command = lm_fake_header(call, "X-Goog-Upload-Command"),
		   *protocol = lm_fake_header(call, "X-Goog-Upload-Protocol");
	const char *length = lm_fake_header(call, "X-Goog-Upload-Header-Content-Length");
	const char *type = lm_fake_header(call, "X-Goog-Upload-Header-Content-Type"), *name = nullptr;
	uint64_t total_bytes = UINT64_MAX;
	struct lm_err err = {};

	if (!lm_cstr_equal(protocol, "resumable") || !lm_cstr_equal(command, "start")) {
		lm_fake_refuse(
			reply, LM_FAKE_GEMINI, 400, "Only resumable uploads are known, which begin with the command 'start'.");
		return;
	}
	if (length != nullptr && !lm_parse_u64(lm_str_of(length), LM_FAKE_GEMINI_MAX_BYTES, &total_bytes)) {
		lm_fake_refuse(reply, LM_FAKE_GEMINI, 400, "The file is larger than %d bytes.", LM_FAKE_GEMINI_MAX_BYTES);
		return;
	}
	if (call->body.len > 0 && lm_json_parse(call->body, &asked, &err) < 0) {
		lm_fake_refuse(reply, LM_FAKE_GEMINI, 400, "Invalid JSON payload received.");
		return;
	}
	const json_t *file = json_object_get(asked, "file");
	name = lm_json_string(file, "displayName");
	if (name == nullptr)
		name = lm_json_string(file, "display_name");
	pthread_mutex_lock(&state->lock);
	if (state->upload_count == MAX_UPLOADS)
		lm_fake_refuse(reply, LM_FAKE_GEMINI, 429, "The fake provider keeps no more than %d uploads.", MAX_UPLOADS);
	else {
		lm_grow(state->uploads, state->upload_count, state->upload_cap);
		uint64_t number = state->upload_count + 1;
		state->uploads[state->upload_count++] = (struct lm_fake_upload){
			.number = number,
			.name = lm_strdup(name != nullptr ? name : ""),
			.type = lm_strdup(type != nullptr ? type : "application/octet-stream"),
			.total_bytes = total_bytes,
		};
		LM_AUTO(lm_free_ptr)
		char *url = lm_format("http://127.0.0.1:%u/upload/v1beta/files/%llu", call->port, (unsigned long long)number);
		lm_fake_reply_header(reply, "X-Goog-Upload-URL", url);
		lm_fake_reply_header(reply, "X-Goog-Upload-Status", "active");
		lm_fake_reply_header(reply, "X-Goog-Upload-Chunk-Granularity", "262144");
	}
	pthread_mutex_unlock(&state->lock);
}

static struct lm_fake_upload *
find_upload(struct lm_fake_state *state, const char *id)
{
	uint64_t number = 0;
	if (!lm_parse_u64(lm_str_of(id), state->upload_count, &number) || number == 0)
		return nullptr;
	return &state->uploads[number - 1];
}

static int
append_file(const char *to, const char *from, struct lm_err *err)
{
	LM_AUTO(lm_map_close) struct lm_map map = {};
	if (lm_map_open(&map, from, err) < 0)
		return -1;
	int fd = open(to, O_WRONLY | O_APPEND | O_CLOEXEC);
	ssize_t done = 0;
	for (size_t at = 0; fd >= 0 && done >= 0 && at < map.len; at += (size_t)done)
		done = write(fd, map.ptr + at, map.len - at);
	if (fd < 0 || done < 0 || close(fd) < 0)
		return lm_err_set(err, LM_E_IO, "cannot write '%s'", to);
	return 0;
}

// The call's body belongs to an upload, at its end.
static int
add_piece(struct lm_fake_upload *upload, struct lm_fake_call *call, struct lm_err *err)
{
	if (upload->path == nullptr)
		upload->path = lm_take(&call->path);
	else if (append_file(upload->path, call->path, err) < 0)
		return -1;
	upload->size_bytes += call->size_bytes;
	return 0;
}

static bool
is_at_end(const struct lm_fake_upload *upload, const struct lm_fake_call *call)
{
	uint64_t offset = 0;
	return lm_parse_u64(lm_str_of(lm_fake_header(call, "X-Goog-Upload-Offset")), UINT64_MAX, &offset) &&
		offset == upload->size_bytes && call->size_bytes <= LM_FAKE_GEMINI_MAX_BYTES - upload->size_bytes;
}

static void
finish_upload(
	struct lm_fake_state *state, struct lm_fake_upload *upload, struct lm_fake_call *call, struct lm_fake_reply *reply)
{
	struct lm_err err = {};
	if (upload->total_bytes != UINT64_MAX && upload->size_bytes != upload->total_bytes) {
		lm_fake_refuse(reply, LM_FAKE_GEMINI, 400, "%llu bytes were announced, and %llu came.",
			(unsigned long long)upload->total_bytes, (unsigned long long)upload->size_bytes);
		return;
	}
	struct lm_fake_file *file =
		lm_fake_file_add(state, LM_FAKE_GEMINI, upload->name, upload->type, &upload->path, upload->size_bytes, &err);
	if (file == nullptr) {
		lm_fake_broken(reply, LM_FAKE_GEMINI, &err);
		return;
	}
	upload->done = true;
	lm_fake_reply_header(reply, "X-Goog-Upload-Status", "final");
	lm_buf_text(&reply->body, "{\"file\":");
	show_file(&reply->body, file, call->port);
	lm_buf_byte(&reply->body, '}');
	lm_buf_format(&reply->note, ",\"file_id\":\"%s\",\"file_bytes\":%llu", file->id, (unsigned long long)file->size_bytes);
}

static void
show_progress(const struct lm_fake_upload *upload, struct lm_fake_reply *reply)
{
	LM_AUTO(lm_free_ptr) char *size = lm_format("%llu", (unsigned long long)upload->size_bytes);
	lm_fake_reply_header(reply, "X-Goog-Upload-Status", upload->done ? "final" : "active");
	lm_fake_reply_header(reply, "X-Goog-Upload-Size-Received", size);
}

static void
on_upload(struct lm_fake_state *state, struct lm_fake_call *call, struct lm_fake_reply *reply)
{
	const char *command = lm_fake_header(call, "X-Goog-Upload-Command");
	struct lm_err err = {};
	bool finalize = command != nullptr && strstr(command, "finalize") != nullptr;
	bool upload_too = command != nullptr && lm_cstr_starts(command, "upload");

	pthread_mutex_lock(&state->lock);
	struct lm_fake_upload *upload = find_upload(state, call->id);
	if (upload == nullptr)
		lm_fake_refuse(reply, LM_FAKE_GEMINI, 404, "There is no upload '%.100s'.", call->id);
	else if (lm_cstr_equal(command, "query"))
		show_progress(upload, reply);
	else if (upload->done || (!upload_too && !finalize))
		lm_fake_refuse(reply, LM_FAKE_GEMINI, 400, "The upload is final, or the command is none that is known.");
	else if (upload_too && !is_at_end(upload, call)) {
		lm_fake_refuse(reply, LM_FAKE_GEMINI, 400, "The offset is not where the upload is.");
		show_progress(upload, reply);
	} else if (upload_too && add_piece(upload, call, &err) < 0)
		lm_fake_broken(reply, LM_FAKE_GEMINI, &err);
	else if (finalize)
		finish_upload(state, upload, call, reply);
	else
		show_progress(upload, reply);
	pthread_mutex_unlock(&state->lock);
}

void
lm_fake_gemini_broken_upload(struct lm_fake_state *state, struct lm_fake_call *call)
{
	const char *command = lm_fake_header(call, "X-Goog-Upload-Command");
	struct lm_err ignored = {};
	pthread_mutex_lock(&state->lock);
	struct lm_fake_upload *upload = find_upload(state, call->id);
	if (upload != nullptr && !upload->done && command != nullptr && lm_cstr_starts(command, "upload") &&
		is_at_end(upload, call))
		(void)add_piece(upload, call, &ignored);
	pthread_mutex_unlock(&state->lock);
}

// ---- files

static void
list_files(struct lm_fake_state *state, struct lm_fake_call *call, struct lm_fake_reply *reply)
{
	bool some = false;
	lm_buf_text(&reply->body, "{\"files\":[");
	pthread_mutex_lock(&state->lock);
	for (size_t i = state->file_count; i > 0; i--) {
		const struct lm_fake_file *file = state->files[i - 1];
		if (file->api != LM_FAKE_GEMINI || file->deleted)
			continue;
		if (some)
			lm_buf_byte(&reply->body, ',');
		some = true;
		show_file(&reply->body, file, call->port);
	}
	pthread_mutex_unlock(&state->lock);
	lm_buf_text(&reply->body, "]}");
}

static void
on_file(struct lm_fake_state *state, struct lm_fake_call *call, struct lm_fake_reply *reply)
{
	pthread_mutex_lock(&state->lock);
	struct lm_fake_file *file = lm_fake_file_find(state, LM_FAKE_GEMINI, call->id);
	if (file == nullptr)
		lm_fake_refuse(reply, LM_FAKE_GEMINI, 403,
			"You do not have permission to access the File %.100s or it may not exist.", call->id);
	else if (call->place->route == LM_FAKE_FILES_CONTENT)
		lm_fake_reply_file(reply, call, file->path, file->size_bytes);
	else if (call->place->route == LM_FAKE_FILES_DELETE) {
		lm_fake_file_delete(file);
		lm_buf_text(&reply->body, "{}");
	} else
		show_file(&reply->body, file, call->port);
	pthread_mutex_unlock(&state->lock);
}

void
lm_fake_gemini_files(struct lm_fake_state *state, struct lm_fake_call *call, struct lm_fake_reply *reply)
{
	if (call->place->route == LM_FAKE_UPLOAD_START)
		start_upload(state, call, reply);
	else if (call->place->route == LM_FAKE_UPLOAD_DATA)
		on_upload(state, call, reply);
	else if (call->place->route == LM_FAKE_FILES_LIST)
		list_files(state, call, reply);
	else
		on_file(state, call, reply);
}
