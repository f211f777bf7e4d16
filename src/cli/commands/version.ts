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
      run: (_, context) => ({
        data: { romana: context.version, node: process.versions.node },
        text: () => `romana ${context.version}, Node ${process.versions.node}`,
      }),
    },
  ],
};
