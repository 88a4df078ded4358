// wire NS_A IF_A NS_B IF_B PARAMS: a TAP interface in each namespace and a delay queue between them.
// PARAMS (read again on SIGHUP): one line per direction, A->B first: delay_us jitter_us bytes_per_s queue_us
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>
enum { LIMIT = 65536, FRAME = 65600 };
struct packet { int64_t due; uint64_t order; int len; char data[]; };
struct way { int in, out; long long delay, jitter, rate, queue; int64_t line_free; int n; struct packet *heap[LIMIT]; };
static struct way ways[2];
static volatile sig_atomic_t reload = 1;
static uint64_t counter, rng = 88172645463325252ull;

static void on_hup(int s) { (void)s; reload = 1; }
static int64_t now_us(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec * 1000000ll + t.tv_nsec / 1000; }
static void die(const char *what) { perror(what); exit(1); }

static int make_tap(const char *ns, const char *name) {
  int fd = open(ns, O_RDONLY | O_CLOEXEC);
  if (fd < 0 || setns(fd, CLONE_NEWNET)) die(ns);
  close(fd);
  struct ifreq r = {0};
  r.ifr_flags = IFF_TAP | IFF_NO_PI;
  snprintf(r.ifr_name, sizeof r.ifr_name, "%s", name);
  if ((fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC)) < 0 || ioctl(fd, TUNSETIFF, &r)) die(name);
  return fd;
}
static int before(struct packet *a, struct packet *b) { return a->due < b->due || (a->due == b->due && a->order < b->order); }
static void push(struct way *w, struct packet *p) {
  int i = w->n++;
  for (; i && before(p, w->heap[(i - 1) / 2]); i = (i - 1) / 2) w->heap[i] = w->heap[(i - 1) / 2];
  w->heap[i] = p;
}
static struct packet *pop(struct way *w) {
  struct packet *top = w->heap[0], *last = w->heap[--w->n];
  int i = 0, c;
  for (; (c = 2 * i + 1) < w->n; i = c) {
    if (c + 1 < w->n && before(w->heap[c + 1], w->heap[c])) c++;
    if (before(last, w->heap[c])) break;
    w->heap[i] = w->heap[c];
  }
  w->heap[i] = last;
  return top;
}
static void take(struct way *w) {                       // everything that waits at the input
  static char frame[FRAME];
  for (int len; w->n < LIMIT && (len = read(w->in, frame, sizeof frame)) > 0;) {
    int64_t now = now_us(), start = w->line_free > now ? w->line_free : now;
    if (w->rate) {
      if (start - now > (w->queue ? w->queue : 100000)) continue;        // buffer full
      w->line_free = start += len * 1000000ll / w->rate;
    }
    rng ^= rng << 13; rng ^= rng >> 7; rng ^= rng << 17;
    struct packet *p = malloc(sizeof *p + len);
    p->due = start + w->delay + (w->jitter ? (int64_t)(rng % (2 * w->jitter + 1)) - w->jitter : 0);
    p->order = counter++, p->len = len;
    memcpy(p->data, frame, len);
    push(w, p);
  }
}
int main(int argc, char **argv) {
  if (argc != 6) return 2;
  int a = make_tap(argv[1], argv[2]), b = make_tap(argv[3], argv[4]);
  ways[0].in = ways[1].out = a, ways[0].out = ways[1].in = b;
  struct sigaction sa = {.sa_handler = on_hup};
  sigaction(SIGHUP, &sa, 0);
  prctl(PR_SET_TIMERSLACK, 1);
  puts("ready"), fflush(stdout);
  for (struct pollfd f[2] = {{a, POLLIN, 0}, {b, POLLIN, 0}};;) {
    if (reload) {
      FILE *in = fopen(argv[5], "r");
      reload = 0;
      for (int i = 0; in && i < 2; i++)
        if (fscanf(in, "%lld %lld %lld %lld", &ways[i].delay, &ways[i].jitter, &ways[i].rate, &ways[i].queue) != 4) break;
      if (in) fclose(in);
    }
    int64_t now = now_us(), next = now + 1000000;
    for (int i = 0; i < 2; i++) {
      while (ways[i].n && ways[i].heap[0]->due <= now) {
        struct packet *p = pop(&ways[i]);
        if (write(ways[i].out, p->data, p->len) < 0 && errno != EIO && errno != EAGAIN) die("write");
        free(p);
      }
      if (ways[i].n && ways[i].heap[0]->due < next) next = ways[i].heap[0]->due;
    }
    struct timespec wait = {(next - now) / 1000000, (next - now) % 1000000 * 1000};
    if (ppoll(f, 2, &wait, 0) > 0) take(&ways[0]), take(&ways[1]);
  }
}
