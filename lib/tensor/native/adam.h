/* Adam on stretches of parameters in plain memory (Kingma and Ba, 2015; its epsilon placed as PyTorch does). */
#pragma once
#include <cmath>
#include <cstdint>

struct AdamStep {
  float alpha; /* lr √(1 - β2^t) / (1 - β1^t) */
  float beta1, beta2;
  float epsilon; /* ε √(1 - β2^t) */
  float decay;   /* what the values are multiplied by first: 1 - lr · weightDecay */
};

/* Parameters with their moments, in one layout. */
struct Moments {
  float *value, *first, *second;
  Moments at(int64_t offset) const { return {value + offset, first + offset, second + offset}; }
};

/* One step with gradient scale · gradient [count]; null stands for zeros. */
inline void adamStep(const Moments &to, const float *gradient, float scale, int64_t count, const AdamStep &step) {
  float *__restrict w = to.value, *__restrict m = to.first, *__restrict v = to.second;
  const float a = 1 - step.beta1, b = 1 - step.beta2;
  const auto move = [&](int64_t i, float g) {
    m[i] += (g - m[i]) * a;
    v[i] += (g * g - v[i]) * b;
    w[i] = w[i] * step.decay - step.alpha * m[i] / (std::sqrt(v[i]) + step.epsilon);
  };
  if (gradient) for (int64_t i = 0; i < count; i++) move(i, gradient[i] * scale);
  else for (int64_t i = 0; i < count; i++) move(i, 0);
}
