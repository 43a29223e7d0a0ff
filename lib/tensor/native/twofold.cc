#include "twofold.h"

#include "activation.h"

Pushed Twofold::push(int64_t feature, int64_t B, const Entries &entries, float *df, const float *viaGates) const {
  return rule == Rule::gated ? pushGated(feature, entries, df, viaGates) : pushJump(feature, B, entries, df);
}

Pushed Twofold::pushJump(int64_t feature, int64_t B, const Entries &entries, float *df) const {
  const float at = threshold[feature], norm = normOf(feature), weight = revivalOf(feature);
  const float half = bandwidth / 2, density = 1 / bandwidth;
  float thresholds = 0;
  int64_t notShort = 0;
  Pushed out;
  for (int64_t e = 0; e < entries.count; e += LANES) {
    const int64_t lanes = std::min<int64_t>(LANES, entries.count - e);
    Vec slope{};
    if (tanhWeight != 0) {
      Vec f{};
      std::memcpy(&f, entries.f + e, lanes * sizeof(float));
      const Vec saturated = tanhOf(f * (tanhScale * norm));
      slope = (1.0f - saturated * saturated) * tanhWeight;
    }
    for (int64_t i = 0; i < lanes; i++) {
      const float above = entries.pre[e + i] - at;
      const float toF = df[e + i] + slope[i] * norm;
      float through = 0;
      if (above < half && above > -half) {
        const int64_t b = entries.row ? entries.row[e + i] : e + i;
        through = density * (at * toF + (rowPenalty ? rowPenalty[b] : 0));
      }
      thresholds -= through;
      out.along += slope[i] * entries.f[e + i];
      float toPre = above > 0 ? toF : 0;
      if (toInput) toPre += through;
      if (above >= 0) toPre += weight, notShort++;
      df[e + i] = toPre;
      out.reach += toPre;
    }
  }
  /* All rows fall short but those that were just given their share back. */
  if (weight != 0) {
    thresholds += weight * static_cast<float>(B - notShort);
    out.reach -= weight * static_cast<float>(B);
    out.along += weight / norm * shortfalls[feature];
  }
  first[feature] = thresholds;
  out.bias = out.reach;
  return out;
}

Pushed Twofold::pushGated(int64_t feature, const Entries &entries, float *df, const float *viaGates) const {
  const float by = slope[feature], magnitude = bMag[feature], sparsity = gateSparsity * normOf(feature);
  Pushed out;
  float rMags = 0, bMags = 0;
  for (int64_t e = 0; e < entries.count; e++) {
    const float toF = entries.f[e] > 0 ? df[e] : 0;
    const float toGate = entries.pre[e] > 0 ? viaGates[e] + sparsity : 0;
    rMags += toF * (entries.f[e] - magnitude);
    bMags += toF;
    out.bias += toGate;
    df[e] = toF * by + toGate;
    out.reach += df[e];
    out.along += gateSparsity * (entries.pre[e] > 0 ? entries.pre[e] : 0);
  }
  first[feature] = rMags;
  second[feature] = bMags;
  return out;
}
