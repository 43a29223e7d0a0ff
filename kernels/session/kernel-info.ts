/** What the kernel says of itself. */
import { MainThreadInspector } from "../debugger";
import { type Json, protocolVersion } from "../protocol";

export interface Versions {
  /** This project's own. */
  vitrine: string;
  typescript: string;
}

export function kernelInfo({ vitrine, typescript }: Versions): Json {
  return {
    protocol_version: protocolVersion,
    implementation: "vitrine",
    implementation_version: vitrine,
    banner: `Vitrine: TypeScript ${typescript} on Node ${process.versions.node}`,
    debugger: MainThreadInspector.isAvailable,
    supported_features: MainThreadInspector.isAvailable ? ["debugger"] : [],
    language_info: {
      name: "typescript",
      version: typescript,
      mimetype: "text/typescript",
      file_extension: ".ts",
      pygments_lexer: "typescript",
      codemirror_mode: "typescript",
      nbconvert_exporter: "script",
    },
    help_links: [{ text: "TypeScript handbook", url: "https://www.typescriptlang.org/docs/handbook/" }],
  };
}
