/*
 * Runs a CNI plugin once for each container, so many at a time, and prints the microseconds of each call and of all
 * together. It starts programs as container runtimes do (vfork): a shell's forks would cost as much as a fast plugin.
 *
 * cni-driver PLUGIN CONFIG COMMAND LANES OUT CONTAINER...   (OUT: directory for what the plugin prints)
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long long now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000LL + time.tv_nsec / 1000;
}

static pid_t start(const char *plugin, const char *config, const char *command, const char *out, const char *container) {
  char id[256], netns[256], operation[64], file[4096];
  snprintf(id, sizeof id, "CNI_CONTAINERID=%s", container);
  snprintf(netns, sizeof netns, "CNI_NETNS=/run/netns/%s", container);
  snprintf(operation, sizeof operation, "CNI_COMMAND=%s", command);
  snprintf(file, sizeof file, "%s/%s.json", out, container);
  char *const environment[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "CNI_PATH=/usr/lib/cni", "CNI_IFNAME=eth0",
                               id, netns, operation, NULL};
  char *const arguments[] = {(char *)plugin, NULL};
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, STDIN_FILENO, config, O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, file, O_WRONLY | O_CREAT | O_TRUNC, 0644);
  posix_spawn_file_actions_adddup2(&files, STDOUT_FILENO, STDERR_FILENO);
  pid_t pid;
  int error = posix_spawn(&pid, plugin, &files, NULL, arguments, environment);
  posix_spawn_file_actions_destroy(&files);
  if (error != 0) {
    fprintf(stderr, "cannot start %s: %s\n", plugin, strerror(error));
    exit(1);
  }
  return pid;
}

int main(int count, char **arguments) {
  if (count < 7) return 2;
  char **containers = arguments + 6;
  int all = count - 6, lanes = atoi(arguments[4]), started = 0, ended = 0;
  struct { pid_t pid; long long at; } calls[all];
  long long begun = now();
  while (ended < all) {
    for (; started < all && started - ended < lanes; started++) {
      calls[started].at = now();
      calls[started].pid = start(arguments[1], arguments[2], arguments[3], arguments[5], containers[started]);
    }
    int status;
    pid_t pid = waitpid(-1, &status, 0);
    long long at = now();
    if (pid < 0 && errno == EINTR) continue;
    for (int index = 0; index < started; index++) {
      if (calls[index].pid != pid) continue;
      if (status != 0) {
        fprintf(stderr, "the plugin failed for %s: see its output\n", containers[index]);
        return 1;
      }
      printf("%lld\n", at - calls[index].at);
    }
    ended++;
  }
  printf("total %lld\n", now() - begun);
  return 0;
}
