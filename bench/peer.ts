/** A process that is measured in turns: it says one JSON line when it is ready, and one for each line that it is sent. */
import { type ChildProcess, spawn } from "node:child_process";
import { basename } from "node:path";
import { createInterface } from "node:readline";

export class Peer {
  private readonly child: ChildProcess;
  private readonly lines: AsyncIterator<string>;
  private readonly name: string;

  constructor(executable: string, argv: readonly string[]) {
    this.name = [executable, ...argv.slice(0, 3)].map((word) => basename(word)).join(" ");
    this.child = spawn(executable, argv, { stdio: ["pipe", "pipe", "inherit"] });
    if (!this.child.stdout) throw new Error("internal: peer: expected a pipe");
    this.lines = createInterface({ input: this.child.stdout })[Symbol.asyncIterator]();
  }

  /** What it says next. Throws where it has ended. */
  async hear<Message>(): Promise<Message> {
    const { value, done } = await this.lines.next();
    if (done)
      throw new Error(`bench: expected ${this.name} to answer, but it ended (its own words are above)`);
    return JSON.parse(value) as Message;
  }

  async ask<Message>(line = ""): Promise<Message> {
    this.child.stdin?.write(`${line}\n`);
    return this.hear<Message>();
  }

  end(): void {
    this.child.stdin?.end();
  }
}
