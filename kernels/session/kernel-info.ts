/** What the kernel says of itself. */
import { type Json, protocolVersion } from "../protocol";

export function kernelInfo(typescriptVersion: string): Json {
  return {
    protocol_version: protocolVersion,
    implementation: "vitrine",
    implementation_version: "0.1.0",
    banner: `Vitrine: TypeScript ${typescriptVersion} on Node ${process.versions.node}`,
    debugger: false,
    supported_features: [],
    language_info: {
      name: "typescript",
      version: typescriptVersion,
      mimetype: "text/typescript",
      file_extension: ".ts",
      pygments_lexer: "typescript",
      codemirror_mode: "typescript",
      nbconvert_exporter: "script",
    },
    help_links: [{ text: "TypeScript handbook", url: "https://www.typescriptlang.org/docs/handbook/" }],
  };
}
