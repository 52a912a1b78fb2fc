// SPDX-License-Identifier: Apache-2.0
// Programs called with arguments, names and working directories of every kind.
#include "internal.h"

#include <sys/stat.h>

// "\xHH" in place, so that a test can name bytes that its own command line cannot carry.
static void unescape(char *text)
{
    char *end = text;
    for (; *text; text++) {
        unsigned byte;
        int length = 0;
        if (sscanf(text, "\\x%2x%n", &byte, &length) == 1 && length == 4) {
            *end++ = (char)byte;
            text += 3;
        } else {
            *end++ = *text;
        }
    }
    *end = 0;
}

// exec PATH ARGV0 ARGS...: that and nothing else, "\xHH" being one byte.
int run_exec(int argc, char *const argv[])
{
    if (argc < 2)
        return 64;
    for (int i = 0; i < argc; i++)
        unescape(argv[i]);
    execve(argv[0], argv + 1, environ);
    die(argv[0]);
}

// arguments PROGRAM COUNT LENGTH: calls PROGRAM with COUNT arguments after its name; the i-th is i in seven digits and
// then as many x as LENGTH needs.
int run_arguments(int argc, char *const argv[])
{
    if (argc < 3)
        return 64;
    long count = atol(argv[1]), length = atol(argv[2]);
    char **words = calloc((size_t)count + 2, sizeof *words);
    if (!words || length < 7)
        die("arguments");
    words[0] = argv[0];
    for (long i = 1; i <= count; i++) {
        words[i] = malloc((size_t)length + 1);
        if (!words[i])
            die("malloc");
        memset(words[i], 'x', (size_t)length);
        words[i][length] = 0;
        char digits[16];
        snprintf(digits, sizeof digits, "%07ld", i);
        memcpy(words[i], digits, 7);
    }
    execve(argv[0], words, environ);
    die(argv[0]);
}

// expect-arguments HEX HEX... -- ARGS...: 0 if the arguments are those bytes.
int run_expect_arguments(int argc, char *const argv[])
{
    int split = 0;
    while (split < argc && strcmp(argv[split], "--") != 0)
        split++;
    if (argc - split - 1 != split)
        _exit(2);
    for (int i = 0; i < split; i++) {
        unescape(argv[i]);
        if (strcmp(argv[i], argv[split + 1 + i]) != 0)
            _exit(3);
    }
    _exit(0);
}

// deep DIRECTORY LENGTH absolute|relative: below DIRECTORY, makes a program whose whole path has LENGTH bytes, says it,
// and runs the program: by that path, or as "./PROGRAM" from its directory.
int run_deep(int argc, char *const argv[])
{
    if (argc < 3)
        return 64;
    size_t length = (size_t)atol(argv[1]);
    char path[4096];
    if (length >= sizeof path || chdir(argv[0]) != 0 || !getcwd(path, sizeof path))
        die("deep");
    // The name of the program takes what directories of 200 bytes leave.
    size_t used = strlen(path);
    while (length - used > 240) {
        char directory[201];
        memset(directory, 'd', 200);
        directory[200] = 0;
        if ((mkdir(directory, 0755) != 0 && errno != EEXIST) || chdir(directory) != 0)
            die("mkdir");
        used += (size_t)snprintf(path + used, sizeof path - used, "/%s", directory);
    }
    char name[256] = "./";
    memset(name + 2, 'p', length - used - 1);
    name[2 + length - used - 1] = 0;
    snprintf(path + used, sizeof path - used, "/%s", name + 2);
    errno = live_write_program(name, 0, 0755);
    if (errno)
        die("write");
    // Too long for say().
    if (dprintf(STDOUT_FILENO, "%s\n", path) < 0)
        die("dprintf");
    const char *called = strcmp(argv[2], "absolute") == 0 ? path : name;
    execve(called, (char *[]){"deep", NULL}, environ);
    die("execve");
}

// failing DIRECTORY: every way for exec to fail, from DIRECTORY as the working directory, in a fixed order.
int run_failing(int argc, char *const argv[])
{
    if (argc < 1 || chdir(argv[0]) != 0)
        die("chdir");
    char path[4096];
    int file = open("plain", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    if (file < 0 || close(file) != 0)
        die("plain");
    file = open("garbage", O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
    if (file < 0 || write(file, "no program\n", 11) != 11 || close(file) != 0)
        die("garbage");
    if (mkdir("inner", 0755) != 0 || symlink("loop", "loop") != 0)
        die("inner");
    int directory = open("inner", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0)
        die("open");

    snprintf(path, sizeof path, "%s/absent", argv[0]);
    execve(path, (char *[]){"first", "one", "two", NULL}, environ);
    execve("./absent", (char *[]){"second", NULL}, environ);
    execve("plain", (char *[]){"third", NULL}, environ);
    execve("garbage", (char *[]){"fourth", NULL}, environ);
    execve("plain/inside", (char *[]){"fifth", NULL}, environ);
    execve("inner", (char *[]){"sixth", NULL}, environ);
    execve("loop", (char *[]){"seventh", NULL}, environ);
    syscall(SYS_execveat, directory, "absent", (char *[]){"eighth", NULL}, environ, 0);
    // One argument may have 128 KiB.
    char *huge = malloc(200001);
    if (!huge)
        die("malloc");
    memset(huge, 'h', 200000);
    huge[200000] = 0;
    execve("/", (char *[]){"ninth", NULL}, environ);
    errno = live_write_program("fine", 0, 0755);
    if (errno)
        die("fine");
    execve("fine", (char *[]){"tenth", huge, NULL}, environ);
    execve("fine", (char *[]){"fine", NULL}, environ);
    die("fine");
}
