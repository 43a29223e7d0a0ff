/** Node's inspector of the main thread, reached from another thread. Nothing is connected, and nothing costs, until `connect`. */
import * as inspector from "node:inspector";

export type { Debugger, Runtime } from "node:inspector";

export class MainThreadInspector {
  #session: inspector.Session | undefined;

  /** Node before 20.11 cannot. */
  static get isAvailable(): boolean {
    return typeof inspector.Session.prototype.connectToMainThread === "function";
  }

  get isConnected(): boolean {
    return this.#session !== undefined;
  }

  connect(listeners: Readonly<Record<string, (params: never) => void>>): void {
    if (this.#session) return;
    if (!MainThreadInspector.isAvailable) {
      throw new Error(
        `debugger: expected Node 20.11 or newer, got ${process.version} (do: install a newer Node)`,
      );
    }
    const session = new inspector.Session();
    session.connectToMainThread();
    const events = session as unknown as NodeJS.EventEmitter;
    for (const [event, listener] of Object.entries(listeners)) {
      events.on(event, ({ params }: { params: never }) => listener(params));
    }
    this.#session = session;
  }

  /** A command of the Chrome DevTools Protocol; rejected when it fails, and when the session is closed meanwhile. */
  post<Result = object>(method: string, params: object = {}): Promise<Result> {
    return new Promise((resolve, reject) => {
      if (!this.#session) {
        reject(new Error(`debugger: expected a running debugger for ${method}, got none (do: turn it on)`));
        return;
      }
      this.#session.post(method, params, (error, result) => {
        if (error) reject(new Error(`debugger: ${method}: ${error.message}`));
        else resolve(result as Result);
      });
    });
  }

  /** A stopped main thread runs on; breakpoints are gone. */
  disconnect(): void {
    this.#session?.disconnect();
    this.#session = undefined;
  }
}
