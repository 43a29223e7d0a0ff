/** What every cell sees without importing it, as TypeScript declares it; made in executor/main.ts. */
export const globalsText = `
/** Asks the person in front of the notebook for a line of text; with \`password\` it is not shown. */
declare function input(prompt?: string, options?: { password?: boolean }): Promise<string>;

/** What a shell command printed, and its exit code. */
interface ShellResult {
  readonly stdout: string;
  readonly stderr: string;
  /** 0 for success; 128 and its number if a signal ended the command. */
  readonly code: number;
  /** The lines of stdout, without the empty one after the last line break. */
  readonly lines: string[];
}

interface ShellOptions {
  /** The folder to run in; the notebook's. */
  cwd?: string;
  /** Environment variables beside the kernel's own. */
  env?: Readonly<Record<string, string>>;
  /** What the command reads; nothing. */
  input?: string | Uint8Array;
  /** Whether an exit code other than 0 is an error; true. */
  check?: boolean;
  /** Whether what the command prints appears in the notebook while it runs; false. */
  show?: boolean;
}

/**
 * Runs a command in the shell (sh) and waits for its end. Interrupting the cell interrupts the command.
 * @throws ShellError if its exit code is not 0, unless \`check\` is false
 */
declare function sh(command: string, options?: ShellOptions): Promise<ShellResult>;
`;
