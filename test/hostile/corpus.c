/* Regression test: runs each input of the fuzzers' corpus (test/fuzz) once. */

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench.h"
#include "test/fuzz/fuzz.h"
#include "util.h"

#define DIR_FRAME "test/fuzz/corpus/frame"
#define DIR_STREAM "test/fuzz/corpus/stream"
#define FILES_MIN 10 /* of each corpus */

/* Reads a file into an allocation of its size, so that a sanitizer sees a read past its end. */
static uint8_t *read_file(const char *path, size_t *len)
{
    uint8_t buf[FUZZ_INPUT_MAX], *data;
    FILE *f = fopen(path, "rb");

    if (!f) {
        fail("%s cannot be read", path);
    }
    *len = fread(buf, 1, sizeof(buf), f);
    fclose(f);
    data = malloc(*len ? *len : 1);
    check(data != NULL);
    memcpy(data, buf, *len);
    return data;
}

static void run_file(const char *path, void (*harness)(const uint8_t *data, size_t len))
{
    size_t len;
    uint8_t *data = read_file(path, &len);

    bench_context(path, 8); /* shown if it fails */
    harness(data, len);
    log_clear();
    free(data);
}

static void run_all(const char *dir, void (*harness)(const uint8_t *data, size_t len))
{
    struct dirent **entries;
    char path[512];
    int num = scandir(dir, &entries, NULL, alphasort), files = 0;

    if (num == -1) {
        fail("%s cannot be read: run the test in the main directory", dir);
    }
    log_set_level("error");
    for (int i = 0; i < num; i++) {
        if (entries[i]->d_name[0] != '.') {
            snprintf(path, sizeof(path), "%s/%s", dir, entries[i]->d_name);
            run_file(path, harness);
            files++;
        }
        free(entries[i]);
    }
    free(entries);
    check_cmp(files, >=, FILES_MIN);
}

static void test_frames(void)
{
    run_all(DIR_FRAME, fuzz_frame);
}

static void test_streams(void)
{
    run_all(DIR_STREAM, fuzz_stream);
}

BENCH(46, { "each frame of the fuzzer's corpus leaves a fresh stack consistent", test_frames },
      { "each stream of the fuzzer's corpus keeps every invariant", test_streams })
