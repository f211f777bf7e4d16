import { type Noun, PROGRAM } from "../command.ts";

/** Shells that scripts are made for. */
const SHELLS = ["bash", "zsh", "fish"] as const;

/** `romana completion`. */
export const completion: Noun = {
  name: "completion",
  summary: "Print a script that makes a shell complete commands, options and names",
  commands: [
    {
      verb: "",
      summary: "Print a script that makes a shell complete commands, options and names",
      arguments: [{ name: "shell", summary: `Which shell: ${SHELLS.join(", ")}`, choices: SHELLS }],
      examples: ["romana completion bash", "romana completion zsh", "romana completion fish"],
      run: async (input) => {
        const { script } = await import("@bomb.sh/tab");
        // The library prints the script by itself.
        script(input.argument("shell"), PROGRAM, PROGRAM);
        return { data: undefined, text: () => "" };
      },
    },
  ],
};
