/* fuzz_replay.c - runs a fuzz target over its corpus, without libFuzzer: the corpus as a unit test.
 * With no corpus folder it runs the target once on empty input. Prints TAP-free text; exit 0 =
 * good. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static int replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    struct stat st;

    if (!file || fstat(fileno(file), &st) != 0) {
        perror(path);
        return 1;
    }
    size_t len = (size_t)st.st_size;
    uint8_t *bytes = malloc(len ? len : 1);
    int bad = !bytes || fread(bytes, 1, len, file) != len;
    (void)fclose(file);
    if (!bad)
        (void)LLVMFuzzerTestOneInput(bytes, len);
    free(bytes);
    return bad;
}

int main(int argc, char **argv)
{
    DIR *dir = argc > 1 ? opendir(argv[1]) : NULL;
    int count = 0;
    int failed = 0;

    (void)LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        char path[4096];
        if (entry->d_name[0] == '.')
            continue;
        (void)snprintf(path, sizeof path, "%s/%s", argv[1], entry->d_name);
        failed |= replay_file(path);
        count++;
    }
    if (dir)
        (void)closedir(dir);
    printf("%d inputs replayed\n", count);
    return failed;
}
