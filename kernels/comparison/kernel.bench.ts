/**
 * Times this kernel beside tslab, Deno's kernel and ipykernel: starts, round trips, prints, a large display, lost messages, memory.
 * `npm run bench -- kernel [--rounds N] [--only NAME] [--quick]`; about two minutes a round.
 */
import { compare } from "./peers";

process.exitCode = compare("speed.py", process.argv.slice(2));
