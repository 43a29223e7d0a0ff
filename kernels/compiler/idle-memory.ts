/**
 * Gives memory back while nobody waits. V8 lets a heap as large as the type checker's grow by hundreds of megabytes of garbage
 * before it looks through it, and a compiler that answers for days would keep them.
 *
 * A collection takes 70 to 130 ms (two cores, 150 MB in use), and a cell that comes just then waits for it.
 */
import v8 from "node:v8";
import vm from "node:vm";

/** No request for so long, in ms, is a pause. */
const pauseMs = 600;
/** Less growth than this, in bytes, is not worth the tenth of a second that a collection takes. */
const worthwhile = 6 * 2 ** 20;

export class IdleMemory {
  readonly #collect: () => void;
  #timer: NodeJS.Timeout | undefined;
  /** Bytes in use after the last collection; the first pause always brings one. */
  #floor = 0;

  constructor() {
    // At run time: a process that starts from a snapshot must have the flags with which that was made.
    v8.setFlagsFromString("--expose-gc");
    this.#collect = vm.runInNewContext("gc") as () => void;
  }

  /** A request has been answered. */
  touch(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#rest(), pauseMs);
    this.#timer.unref();
  }

  #rest(): void {
    if (process.memoryUsage().heapUsed - this.#floor < worthwhile) return;
    this.#collect();
    this.#floor = process.memoryUsage().heapUsed;
  }
}
