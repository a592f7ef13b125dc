// The floor under a first publish: read the sources once, inflate, hash, compress, hash, write. Nothing is checked, no header is made.
//
//	zig build bench-floor -Doptimize=safe && zig-out/bench/bench_floor OUT THREADS SOURCE...
//
// SOURCE: wheels, whose members are inflated, and other files, taken as they are. Codec, level and the size of segments are those that
// lamina has for tar.zst, by the same functions; the segments come out in the order in which threads end.
#include "archive/codec.h"
#include "base/base.h"

#include <fcntl.h>
#include <libdeflate.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST_THREADS = 64, EOCD = 22, CENTRAL = 46, LOCAL = 30 };

struct piece { // of a source, at most a segment unless it is deflated
	const unsigned char *bytes;
	size_t stored, size;
	bool deflated;
};

static struct piece *pieces;
static size_t piece_count, piece_cap, next_piece;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static atomic_llong out_at;
static int level, out_fd;
static size_t segment, large_segment;

static void
must(bool done, const char *what)
{
	if (done)
		return;
	perror(what);
	exit(1);
}

static uint32_t
le(const unsigned char *at, int bytes)
{
	uint32_t value = 0;
	for (int i = bytes - 1; i >= 0; i--)
		value = value << 8 | at[i];
	return value;
}

static void
add(struct piece piece)
{
	if (piece_count == piece_cap) {
		piece_cap = piece_cap * 2 + 1024;
		pieces = realloc(pieces, piece_cap * sizeof *pieces);
		must(pieces != nullptr, "memory");
	}
	pieces[piece_count++] = piece;
}

// The members of a wheel, which lamina has looked at before.
static void
add_wheel(const unsigned char *bytes, size_t len)
{
	const unsigned char *end = bytes + len - EOCD;
	while (end > bytes && le(end, 4) != 0x06054b50)
		end--;
	const unsigned char *at = bytes + le(end + 16, 4);
	for (uint32_t left = le(end + 10, 2); left > 0; left--) {
		const unsigned char *local = bytes + le(at + 42, 4);
		size_t head = LOCAL + le(local + 26, 2) + le(local + 28, 2);
		add((struct piece){ local + head, le(at + 20, 4), le(at + 24, 4), le(at + 10, 2) != 0 });
		at += CENTRAL + le(at + 28, 2) + le(at + 30, 2) + le(at + 32, 2);
	}
}

static void
add_source(const char *path)
{
	struct stat info;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	must(fd >= 0 && fstat(fd, &info) == 0, path);
	size_t len = (size_t)info.st_size;
	const unsigned char *bytes = mmap(nullptr, len, PROT_READ, MAP_PRIVATE, fd, 0);
	must(bytes != MAP_FAILED, path);
	if (len > EOCD && le(bytes, 4) == 0x04034b50) {
		add_wheel(bytes, len);
		return;
	}
	for (size_t at = 0; at < len; at += segment) {
		size_t size = len - at < segment ? len - at : segment;
		add((struct piece){ bytes + at, size, size, false });
	}
}

// The next pieces that have a segment together. Returns how many.
static size_t
claim(size_t *first, size_t *size)
{
	size_t count = 0;
	pthread_mutex_lock(&mutex);
	*first = next_piece;
	*size = 0;
	while (next_piece < piece_count && (count == 0 || *size + pieces[next_piece].size <= segment)) {
		*size += pieces[next_piece++].size;
		count++;
	}
	pthread_mutex_unlock(&mutex);
	return count;
}

static void
hash(const void *bytes, size_t len)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	must(EVP_Digest(bytes, len, digest, nullptr, EVP_sha256(), nullptr) == 1, "SHA-256");
}

static void
compress_and_write(struct lm_codec *codec, struct lm_buf *out, const void *bytes, size_t len, bool large)
{
	out->len = 0;
	lm_codec_compress(codec, bytes, len, LM_MACHINE_NONE, large, out);
	hash(out->ptr, out->len);
	off_t at = atomic_fetch_add(&out_at, (long long)out->len);
	for (size_t done = 0; done < out->len;) {
		ssize_t wrote = pwrite(out_fd, out->ptr + done, out->len - done, at + (off_t)done);
		must(wrote > 0, "writing");
		done += (size_t)wrote;
	}
}

static void *
work(void *unused)
{
	(void)unused;
	struct libdeflate_decompressor *inflate = libdeflate_alloc_decompressor();
	struct lm_codec codec = { .format = LM_FORMAT_TAR_ZST, .level = level };
	struct lm_buf out = {};
	must(inflate != nullptr, "memory");
	size_t first = 0, size = 0, count = 0;
	while ((count = claim(&first, &size)) > 0) {
		unsigned char *raw = malloc(size + 1), *at = raw;
		must(raw != nullptr, "memory");
		for (const struct piece *piece = pieces + first; piece < pieces + first + count; piece++) {
			if (piece->deflated)
				must(libdeflate_deflate_decompress(inflate, piece->bytes, piece->stored, at, piece->size,
					     nullptr) == LIBDEFLATE_SUCCESS,
					"inflate");
			else
				memcpy(at, piece->bytes, piece->size);
			hash(at, piece->size);
			at += piece->size;
		}
		bool large = size > segment + segment / 2; // one member, cut as lamina does
		size_t parts = large && size > large_segment ? size / large_segment : 1, most = (size + parts - 1) / parts;
		for (size_t done = 0; done < size; done += most)
			compress_and_write(&codec, &out, raw + done, size - done < most ? size - done : most, large);
		free(raw);
	}
	lm_buf_release(&out);
	lm_codec_release(&codec);
	libdeflate_free_decompressor(inflate);
	return nullptr;
}

int
main(int argc, char **argv)
{
	int threads = argc > 3 ? (int)strtol(argv[2], nullptr, 10) : 0;
	if (threads < 1 || threads > MOST_THREADS) {
		(void)fprintf(stderr, "usage: bench_floor OUT THREADS SOURCE...\n");
		return 2;
	}
	level = lm_codec_levels(LM_FORMAT_TAR_ZST).usual;
	segment = (size_t)lm_codec_segment(LM_FORMAT_TAR_ZST, level);
	large_segment = (size_t)lm_codec_large_segment(LM_FORMAT_TAR_ZST, level);
	out_fd = open(argv[1], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	must(out_fd >= 0, argv[1]);
	for (int i = 3; i < argc; i++)
		add_source(argv[i]);
	pthread_t ids[MOST_THREADS];
	for (int i = 0; i < threads; i++)
		must(pthread_create(&ids[i], nullptr, work, nullptr) == 0, "thread");
	for (int i = 0; i < threads; i++)
		(void)pthread_join(ids[i], nullptr);
	must(fsync(out_fd) == 0 && close(out_fd) == 0, argv[1]);
	return 0;
}
