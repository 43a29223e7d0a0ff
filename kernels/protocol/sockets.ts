/** The ZeroMQ sockets of a kernel: binds them, reads requests, sends each socket's messages in order. */
import { Router, XPublisher } from "zeromq";
import { Heartbeat } from "./heartbeat";
import { log } from "./log";
import { ReplayGuard } from "./replay";
import { decode, encode, type Message, type OutgoingMessage, Signer } from "./wire";

/** What Jupyter writes into the connection file. */
export interface ConnectionInfo {
  transport: string;
  ip: string;
  key: string;
  signature_scheme: string;
  shell_port: number;
  control_port: number;
  iopub_port: number;
  stdin_port: number;
  hb_port: number;
}

export interface SocketHandlers {
  /** Gets each valid message, in order within a channel. */
  receive(channel: RequestChannel, message: Message): void;
  /** A front end listens to IOPub from now on. */
  welcome(topic: Buffer): void;
}

/** The channels on which requests come in. */
export type RequestChannel = "shell" | "control" | "stdin";
export type Channel = RequestChannel | "iopub";

export class Sockets {
  readonly #signer: Signer;
  readonly #replays = new ReplayGuard();
  readonly #routers: Record<RequestChannel, Router>;
  readonly #iopub = new XPublisher({ sendHighWaterMark: 0, linger: 1000 });
  readonly #outboxes: Record<Channel, Outbox>;
  #heartbeat: Heartbeat | undefined;

  constructor(key: string, scheme: string) {
    this.#signer = new Signer(key, scheme);
    const router = () => new Router({ sendHighWaterMark: 0, linger: 1000 });
    this.#routers = { shell: router(), control: router(), stdin: router() };
    this.#outboxes = {
      shell: new Outbox(this.#routers.shell),
      control: new Outbox(this.#routers.control),
      stdin: new Outbox(this.#routers.stdin),
      iopub: new Outbox(this.#iopub),
    };
  }

  /** Binds all sockets and starts to read. */
  async open(connection: ConnectionInfo, handlers: SocketHandlers): Promise<void> {
    this.#iopub.verbosity = "allSubs";
    const { transport, ip } = connection;
    const address = (port: number) =>
      transport === "ipc" ? `${transport}://${ip}-${port}` : `${transport}://${ip}:${port}`;
    await Promise.all([
      this.#iopub.bind(address(connection.iopub_port)),
      this.#routers.control.bind(address(connection.control_port)),
      this.#routers.stdin.bind(address(connection.stdin_port)),
      this.#routers.shell.bind(address(connection.shell_port)),
    ]);
    this.#background(this.#readSubscriptions(handlers));
    for (const channel of ["control", "stdin", "shell"] as const) {
      this.#background(this.#read(channel, handlers));
    }
    // Last: nobody waits for it, and its thread takes a moment of the processor.
    this.#heartbeat = new Heartbeat(address(connection.hb_port));
  }

  /** Queues a message; those of one channel leave in the order of these calls. */
  send(channel: Channel, message: OutgoingMessage): void {
    this.#outboxes[channel].push(encode(message, this.#signer));
  }

  /** Waits until everything queued is handed to ZeroMQ, then closes the sockets. */
  async close(): Promise<void> {
    await Promise.all(Object.values(this.#outboxes).map((outbox) => outbox.drained()));
    await this.#heartbeat?.close();
    for (const socket of [...Object.values(this.#routers), this.#iopub]) socket.close();
  }

  async #read(channel: RequestChannel, handlers: SocketHandlers) {
    for await (const frames of receivedBy(this.#routers[channel])) {
      try {
        handlers.receive(channel, decode(frames, this.#signer, this.#replays));
      } catch (error) {
        // Whatever is wrong with one message, the next one is read.
        log(error instanceof Error ? error.message : String(error));
      }
    }
  }

  /** A subscription is one frame: a byte 1, then the topic. */
  async #readSubscriptions(handlers: SocketHandlers) {
    for await (const [frame] of receivedBy(this.#iopub)) {
      if (frame[0] === 1) handlers.welcome(Buffer.from(frame.subarray(1)));
    }
  }

  #background(work: Promise<void>): void {
    work.catch((error: unknown) => {
      log(`protocol: internal: a socket stopped: ${error instanceof Error ? error.stack : error}`);
    });
  }
}

/** All messages until the socket is closed. ZeroMQ says EAGAIN also when a peer sent what it had to throw away. */
async function* receivedBy(socket: Router | XPublisher): AsyncGenerator<Buffer[]> {
  while (!socket.closed) {
    try {
      yield await socket.receive();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

/** Sends frames one after another: ZeroMQ allows one pending send a socket. */
class Outbox {
  readonly #socket: Router | XPublisher;
  readonly #queue: Buffer[][] = [];
  #pump: Promise<void> | undefined;

  constructor(socket: Router | XPublisher) {
    this.#socket = socket;
  }

  push(frames: Buffer[]): void {
    this.#queue.push(frames);
    this.#pump ??= this.#run();
  }

  async drained(): Promise<void> {
    await this.#pump;
  }

  async #run(): Promise<void> {
    // Yielding first lets the caller finish its burst, and keeps `#pump` set before it is cleared.
    await Promise.resolve();
    for (let next = 0; ; ) {
      if (next === this.#queue.length) {
        this.#queue.length = 0;
        break;
      }
      try {
        await this.#socket.send(this.#queue[next]);
      } catch (error) {
        log(`protocol: a message was not sent: ${error instanceof Error ? error.message : error}`);
      }
      next += 1;
    }
    this.#pump = undefined;
  }
}
