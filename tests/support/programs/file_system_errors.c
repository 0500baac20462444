/* A file system without locks, or with files in use: loaded into a process by LD_PRELOAD.
 *
 * FLOCK_ERRNO   the error of every flock
 * RMDIR_WHILE   while this file exists, directories named `share` cannot be removed
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int flock(int descriptor, int operation) {
    const char *error = getenv("FLOCK_ERRNO");
    if (!error) {
        int (*original)(int, int) = (int (*)(int, int))dlsym(RTLD_NEXT, "flock");
        return original(descriptor, operation);
    }
    errno = atoi(error);
    return -1;
}

static int is_in_use(const char *path) {
    const char *marker = getenv("RMDIR_WHILE");
    const char *name = strrchr(path, '/');
    return marker && access(marker, F_OK) == 0 && strcmp(name ? name + 1 : path, "share") == 0;
}

int rmdir(const char *path) {
    int (*original)(const char *) = (int (*)(const char *))dlsym(RTLD_NEXT, "rmdir");
    if (is_in_use(path)) {
        errno = ENOTEMPTY;
        return -1;
    }
    return original(path);
}

int unlinkat(int directory, const char *path, int flags) {
    int (*original)(int, const char *, int) = (int (*)(int, const char *, int))dlsym(RTLD_NEXT, "unlinkat");
    if (flags & AT_REMOVEDIR && is_in_use(path)) {
        errno = ENOTEMPTY;
        return -1;
    }
    return original(directory, path, flags);
}
