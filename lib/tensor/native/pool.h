/* Threads that wait for work, and memory for work: what every kernel here shares. */
#pragma once
#include <cstdint>
#include <functional>

/* Runs task(i, worker) for every i in [0, tasks), each once, on all threads; returns when all are done. Not reentrant. */
void parallel(int64_t tasks, const std::function<void(int64_t task, int worker)> &task);

/* How many threads `parallel` uses from now on, the calling one among them. */
void setThreads(int threads);
int threadCount();

/* Zeroed memory at a multiple of 64 bytes, in large pages where the system has them: a first touch then costs a fraction. */
void *allocateBytes(int64_t bytes);
void releaseBytes(void *memory, int64_t bytes);

/* Floats that only ever grow in number; what is in them is lost when they do. */
class Buffer {
public:
  Buffer() = default;
  Buffer(const Buffer &) = delete;
  Buffer &operator=(const Buffer &) = delete;
  Buffer(Buffer &&other) noexcept : floats_(other.floats_), size_(other.size_) { other.floats_ = nullptr, other.size_ = 0; }
  ~Buffer() { clear(); }
  float *atLeast(int64_t size);
  float *get() const { return floats_; }
  void clear();

private:
  float *floats_ = nullptr;
  int64_t size_ = 0;
};
