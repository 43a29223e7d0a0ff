/** TensorFlow.js's tape of ops, from which gradients are computed: what its public interface does not tell. */
import { type Tensor, tf } from "./backend";

interface EngineState {
  gradientDepth: number;
  activeTape?: { saved?: Tensor[] }[];
}

function engineState(): EngineState {
  return tf.engine().state as unknown as EngineState;
}

/** Whether somebody asked for gradients of what is computed now. */
export function recordingGradients(): boolean {
  return engineState().gradientDepth > 0;
}

/**
 * Runs `body`, which asks for gradients. When it throws, the values that the tape had kept for the backward pass are disposed; by itself
 * TensorFlow.js keeps them for ever.
 */
export function withTape<T>(body: () => T): T {
  try {
    return body();
  } catch (error) {
    const state = engineState();
    if (state.gradientDepth === 0) {
      for (const { saved } of state.activeTape ?? []) tf.dispose(saved ?? []);
      state.activeTape = [];
    }
    throw error;
  }
}
