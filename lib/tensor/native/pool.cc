#include "pool.h"

#include <sys/mman.h>

#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <new>
#include <thread>
#include <vector>

namespace {

/* Workers are started when first needed and never joined: the process's end takes them. */
class Pool {
public:
  void resize(int threads) {
    std::lock_guard<std::mutex> lock(mutex_);
    wanted_ = threads < 1 ? 1 : threads;
  }

  int size() const { return wanted_; }

  void run(int64_t tasks, const std::function<void(int64_t, int)> &task) {
    if (wanted_ == 1 || tasks <= 1) {
      for (int64_t i = 0; i < tasks; i++) task(i, 0);
      return;
    }
    {
      std::lock_guard<std::mutex> lock(mutex_);
      while (started_ < wanted_ - 1) {
        const int worker = ++started_;
        std::thread([this, worker] { work(worker); }).detach();
      }
      task_ = &task, tasks_ = tasks, next_ = 0, busy_ = wanted_ - 1;
      round_++;
    }
    wake_.notify_all();
    take(task, tasks, 0);
    std::unique_lock<std::mutex> lock(mutex_);
    done_.wait(lock, [this] { return busy_ == 0; });
  }

private:
  void take(const std::function<void(int64_t, int)> &task, int64_t tasks, int worker) {
    for (int64_t i; (i = next_.fetch_add(1)) < tasks;) task(i, worker);
  }

  void work(int worker) {
    uint64_t seen = 0;
    for (;;) {
      const std::function<void(int64_t, int)> *task;
      int64_t tasks;
      {
        std::unique_lock<std::mutex> lock(mutex_);
        wake_.wait(lock, [&] { return round_ != seen; });
        seen = round_;
        if (worker >= wanted_) continue; /* started for a larger number; this round does not wait for it */
        task = task_, tasks = tasks_;
      }
      take(*task, tasks, worker);
      std::lock_guard<std::mutex> lock(mutex_);
      if (--busy_ == 0) done_.notify_one();
    }
  }

  std::mutex mutex_;
  std::condition_variable wake_, done_;
  const std::function<void(int64_t, int)> *task_ = nullptr;
  int64_t tasks_ = 0;
  std::atomic<int64_t> next_{0};
  int wanted_ = 1, started_ = 0, busy_ = 0;
  uint64_t round_ = 0;
};

/* Leaked on purpose: a worker may still look at it while the process ends. */
Pool &pool() {
  static Pool *const the = new Pool;
  return *the;
}

constexpr int64_t LARGE_PAGE = int64_t{1} << 21;

} // namespace

void parallel(int64_t tasks, const std::function<void(int64_t, int)> &task) { pool().run(tasks, task); }
void setThreads(int threads) { pool().resize(threads); }
int threadCount() { return pool().size(); }

static int64_t mappedSize(int64_t bytes) { return (bytes + LARGE_PAGE - 1) / LARGE_PAGE * LARGE_PAGE; }

void *allocateBytes(int64_t bytes) {
  if (bytes < LARGE_PAGE) {
    void *memory = nullptr;
    const int64_t size = (bytes + 64) / 64 * 64;
    if (posix_memalign(&memory, 64, size) != 0) throw std::bad_alloc();
    std::memset(memory, 0, size);
    return memory;
  }
  /* The system gives zeros, at the first touch; what is mapped around the aligned part is given back. */
  const int64_t size = mappedSize(bytes);
  void *mapped = mmap(nullptr, size + LARGE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) throw std::bad_alloc();
  char *const start = static_cast<char *>(mapped);
  char *const aligned = start + (LARGE_PAGE - reinterpret_cast<uintptr_t>(start) % LARGE_PAGE) % LARGE_PAGE;
  if (aligned > start) munmap(start, aligned - start);
  munmap(aligned + size, start + LARGE_PAGE - aligned);
#ifdef MADV_HUGEPAGE
  madvise(aligned, size, MADV_HUGEPAGE);
#endif
  return aligned;
}

void releaseBytes(void *memory, int64_t bytes) {
  if (bytes < LARGE_PAGE) std::free(memory);
  else munmap(memory, mappedSize(bytes));
}

float *Buffer::atLeast(int64_t size) {
  if (size > size_) {
    clear();
    floats_ = static_cast<float *>(allocateBytes(size * sizeof(float)));
    size_ = size;
  }
  return floats_;
}

void Buffer::clear() {
  if (floats_) releaseBytes(floats_, size_ * sizeof(float));
  floats_ = nullptr, size_ = 0;
}
