import manifest from "../../../package.json" with { type: "json" };
import type { Noun } from "../command.ts";

/** `romana version`. */
export const version: Noun = {
  name: "version",
  summary: "Show the version of this program",
  commands: [
    {
      verb: "",
      summary: "Show the version of this program",
      examples: ["romana version", "romana version -o json"],
      run: () => ({
        data: { romana: manifest.version, node: process.versions.node },
        text: () => `romana ${manifest.version}, Node ${process.versions.node}`,
      }),
    },
  ],
};
