import { readFileSync } from "node:fs";
import { invalidInput } from "../../model/index.ts";
import type { Family } from "../../net/index.ts";
import { createFlowJudge, explainFlow, type Flow, type FlowSettings } from "../../policy/index.ts";
import type { Context, Input, Noun, Result } from "../command.ts";
import { wrongInput } from "../input.ts";
import { readState, STATE_OPTION } from "../state-source.ts";
import { type AnsweredFlow, batchResult, movesOf, type SteeredFlow, whyResult } from "../why-answer.ts";
import { parseFlows } from "../why-batch.ts";
import { findParty, sourceOfRomanad, sourceOfState, type WhyParty, type WhySource } from "../why-source.ts";
import { passedChain, serveFlow } from "../why-steering.ts";
import { readTraffic } from "../why-traffic.ts";

const FAMILIES: readonly Family[] = [4, 6];

/** File descriptor of standard input, which the name "-" stands for. */
const STANDARD_INPUT = 0;

/** `romana why`. */
export const why: Noun = {
  name: "why",
  summary: "Whether one may talk to another, and which policy and rule decide it",
  connection: "romanad",
  commands: [
    {
      verb: "",
      summary: "Whether one may talk to another, and which policy and rule decide it; exit code 1 when not",
      arguments: [
        {
          name: "from",
          summary: "Endpoint, TENANT/SEGMENT, host or any address",
          optional: true,
          complete: "endpoint",
        },
        {
          name: "to",
          summary: "The same, or a service, of who is talked to",
          optional: true,
          complete: "endpoint",
        },
      ],
      options: [
        { name: "protocol", value: "PROTOCOL", summary: "tcp (when left out), udp, sctp, icmp, or a number" },
        { name: "port", value: "PORT", summary: "Destination port" },
        { name: "icmp-type", value: "NUMBER", summary: "Type of ICMP; an echo request when left out" },
        { name: "icmp-code", value: "NUMBER", summary: "Code of ICMP; 0 when left out" },
        {
          name: "interface",
          value: "NAME",
          summary: "Over which interface hosts talk to others than their endpoints",
        },
        STATE_OPTION,
        {
          name: "batch",
          value: "FILE",
          summary:
            'Many flows, one a line, as CSV or JSON: source,destination,protocol,port ("-": standard input)',
          complete: "file",
        },
      ],
      examples: [
        "romana why web-1 db-1 --protocol tcp --port 5432",
        "romana why shop/web shop/db --port 5432 -o json",
        "romana why 198.51.100.7 web-1 --protocol icmp",
        "romana why web-1 shop.db --port 5432",
        "romana why web-1 db-1 --port 5432 --state examples/states/shop.yaml",
        "romana why --batch flows.csv --state examples/states/shop.yaml",
      ],
      run: async (input, context) => {
        const file = input.text("batch");
        const asked = file === undefined ? undefined : parseFlows(readText(file), nameOf(file));
        const [from, to] = [input.maybeArgument("from"), input.maybeArgument("to")];
        if (asked !== undefined) {
          if (from !== undefined) throw wrongInput("--batch", "cannot be used together with FROM and TO");
          return judgeAll(await sourceOf(input, context), asked, settingsOf(input));
        }
        if (from === undefined || to === undefined)
          throw wrongInput("TO", "is missing: FROM TO, or --batch FILE");
        return await explain(input, context, from, to);
      },
    },
  ],
};

async function sourceOf(input: Input, context: Context): Promise<WhySource> {
  const file = input.text("state");
  return file === undefined ? await sourceOfRomanad(await context.client()) : sourceOfState(readState(file));
}

function settingsOf(input: Input): FlowSettings {
  const interfaceName = input.text("interface");
  return interfaceName === undefined ? {} : { interfaceName };
}

async function explain(input: Input, context: Context, from: string, to: string): Promise<Result> {
  const traffic = readTraffic({
    protocol: input.text("protocol"),
    port: input.text("port"),
    icmpType: input.text("icmp-type"),
    icmpCode: input.text("icmp-code"),
  });
  const source = await sourceOf(input, context);
  const [sender, receiver] = [await findParty(source, from), await findParty(source, to)];
  const flows = FAMILIES.flatMap((family): Flow[] => {
    const [own, other] = [addressIn(sender, family), addressIn(receiver, family)];
    if (own === undefined || other === undefined) return [];
    return [{ source: own, destination: other, ...traffic(family) }];
  });
  const answers: SteeredFlow[] = [];
  for (const flow of flows) answers.push(await steer(source, flow, settingsOf(input)));
  if (answers.length === 0) throw wrongInput("TO", `${from} and ${to} have no addresses of the same family`);
  return whyResult(sender.text, receiver.text, answers, movesOf(source.world, flows));
}

/** Where a flow goes and what it passes; every endpoint that it may go to is asked about. */
async function steer(source: WhySource, flow: Flow, settings: FlowSettings): Promise<SteeredFlow> {
  const served = await serveFlow(source, flow);
  const flows = served === undefined ? [flow] : served.flows;
  const [first] = flows;
  const there = first && (await passedChain(source, first.source, first.destination));
  const back = first && (await passedChain(source, first.destination, first.source));
  return {
    flow,
    ...(served && { served }),
    answers: flows.map((one) => ({ flow: one, answer: explainFlow(source.world, one, settings) })),
    ...(there && { there }),
    ...(back && { back }),
  };
}

function judgeAll(
  { world }: WhySource,
  flows: readonly AnsweredFlow["flow"][],
  settings: FlowSettings,
): Result {
  const judge = createFlowJudge(world, settings);
  return batchResult(flows.map((flow) => ({ flow, answer: judge(flow) })));
}

function addressIn({ addresses }: WhyParty, family: Family) {
  return addresses[`ipv${family}`];
}

function nameOf(file: string): string {
  return file === "-" ? "standard input" : `file "${file}"`;
}

function readText(file: string): string {
  try {
    return readFileSync(file === "-" ? STANDARD_INPUT : file, "utf8");
  } catch (error) {
    throw invalidInput(`read ${nameOf(file)}`, [{ path: "", reason: (error as Error).message }]);
  }
}
