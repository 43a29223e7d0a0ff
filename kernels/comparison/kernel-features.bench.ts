/**
 * Runs the same small notebooks in this kernel, tslab, Deno's kernel and ijavascript, and prints the table of kernels/README.md.
 * `npm run bench -- kernel-features [--only NAME] [--row TEXT]`; about five minutes.
 */
import { compare } from "./peers";

process.exitCode = compare("features.py", process.argv.slice(2));
