// Moves files that have been left alone for a while from one folder into another, in a folder a day.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct settings {
  char incoming[PATH_MAX];
  char filed[PATH_MAX];
  long quiet;
  long interval;
};

static volatile sig_atomic_t stopping;

static void stop(int signal) {
  (void)signal;
  stopping = 1;
}

static void fail(const char *what) {
  fprintf(stderr, "spoold: %s: %s\n", what, strerror(errno));
  exit(1);
}

static void take(char *into, const char *value) {
  if (strlen(value) >= PATH_MAX / 2) {
    errno = ENAMETOOLONG;
    fail(value);
  }
  strcpy(into, value);
}

static struct settings read_settings(const char *path) {
  struct settings settings = {.quiet = 10, .interval = 5};
  char line[PATH_MAX];
  FILE *file = fopen(path, "r");
  if (file == NULL) fail(path);
  while (fgets(line, sizeof line, file) != NULL) {
    line[strcspn(line, "\n")] = '\0';
    char *value = strchr(line, '=');
    if (line[0] == '#' || value == NULL) continue;
    *value++ = '\0';
    if (strcmp(line, "incoming") == 0) take(settings.incoming, value);
    else if (strcmp(line, "filed") == 0) take(settings.filed, value);
    else if (strcmp(line, "quiet") == 0) settings.quiet = atol(value);
    else if (strcmp(line, "interval") == 0) settings.interval = atol(value);
  }
  fclose(file);
  if (settings.incoming[0] == '\0' || settings.filed[0] == '\0') {
    fprintf(stderr, "spoold: %s: want incoming= and filed=\n", path);
    exit(1);
  }
  return settings;
}

static void make_folder(const char *path) {
  if (mkdir(path, 0750) != 0 && errno != EEXIST) fail(path);
}

static void file_away(const struct settings *settings, const char *name, time_t written) {
  char day[16], from[2 * PATH_MAX], folder[2 * PATH_MAX], to[3 * PATH_MAX];
  strftime(day, sizeof day, "%Y-%m-%d", gmtime(&written));
  snprintf(from, sizeof from, "%s/%s", settings->incoming, name);
  snprintf(folder, sizeof folder, "%s/%s", settings->filed, day);
  snprintf(to, sizeof to, "%s/%s", folder, name);
  make_folder(settings->filed);
  make_folder(folder);
  if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0) printf("%s/%s\n", day, name);
  else if (errno != EEXIST && errno != ENOENT) fail(to);
  fflush(stdout);
}

static void look(const struct settings *settings) {
  DIR *folder = opendir(settings->incoming);
  if (folder == NULL) fail(settings->incoming);
  for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
    struct stat stats;
    if (entry->d_name[0] == '.') continue;
    if (fstatat(dirfd(folder), entry->d_name, &stats, AT_SYMLINK_NOFOLLOW) != 0) continue;
    if (S_ISREG(stats.st_mode) && time(NULL) - stats.st_mtime >= settings->quiet)
      file_away(settings, entry->d_name, stats.st_mtime);
  }
  closedir(folder);
}

int main(int argc, char **argv) {
  const char *path = "/etc/spoold.conf";
  int once = 0;
  for (int at = 1; at < argc; at += 1) {
    if (strcmp(argv[at], "--version") == 0) return puts("spoold " VERSION) < 0;
    if (strcmp(argv[at], "--once") == 0) once = 1;
    else if (strcmp(argv[at], "--conf") == 0 && at + 1 < argc) path = argv[++at];
    else return fprintf(stderr, "usage: spoold [--once] [--conf FILE]\n"), 2;
  }
  struct settings settings = read_settings(path);
  signal(SIGTERM, stop);
  signal(SIGINT, stop);
  while (!stopping) {
    look(&settings);
    if (once) break;
    sleep((unsigned)settings.interval);
  }
  return 0;
}
