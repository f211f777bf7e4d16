import type { Noun } from "../command.ts";
import { wrongInput } from "../input.ts";
import { encodeLevels, LEVEL_OPTIONS } from "../plan-encode.ts";
import { decodeText, namesOf, onlyCodes } from "../plan-decode.ts";
import { propose, PROPOSE_OPTIONS } from "../plan-propose.ts";
import { showPlans } from "../plan-show.ts";
import { networkOf, PLAN_OPTIONS } from "../plan-source.ts";

/** `romana plan`. It needs no romanad but for `--network`. */
export const plan: Noun = {
  name: "plan",
  summary: "Address plans: show, encode, decode, propose",
  connection: "romanad",
  commands: [
    {
      verb: "show",
      summary: "Show how a plan cuts addresses: levels, bits, masks, counts",
      options: PLAN_OPTIONS,
      examples: [
        "romana plan show",
        "romana plan show --prefix 10.0.0.0/8 --bits rack=4,host=6,tenant=6,segment=4,endpoint=4",
        "romana plan show --prefix 10.0.0.0/8 --bits host=8,tenant=4,segment=4,endpoint=8 --numbering v1",
        "romana plan show --plan examples/networks/dual-stack.yaml -o wide",
        "romana plan show --network main",
      ],
      run: async (input, context) => showPlans(await networkOf(input, context)),
    },
    {
      verb: "encode",
      summary: "Print the address of IDs, or the prefix when the last levels are left out",
      options: [...LEVEL_OPTIONS, ...PLAN_OPTIONS],
      examples: [
        "romana plan encode --host 1 --tenant 1 --segment 1 --endpoint 11",
        "romana plan encode --host 2 --tenant 1",
        "romana plan encode --host 1 --tenant 1 --segment 5+2 --endpoint 3",
        "romana plan encode --host 1 --tenant 1 --segment 1 --endpoint 11 --plan examples/networks/dual-stack.yaml",
      ],
      run: async (input, context) => encodeLevels(await networkOf(input, context), input),
    },
    {
      verb: "decode",
      summary: "Print what each level of an address says",
      arguments: [{ name: "address", summary: "An IPv4 or IPv6 address" }],
      options: [
        {
          name: "code",
          value: "CODE",
          many: true,
          summary: "A code of another width that is in use, such as 5+2; --network knows them",
        },
        ...PLAN_OPTIONS,
      ],
      examples: [
        "romana plan decode 10.1.1.27",
        "romana plan decode 10.1.1.23 --code 5+2",
        "romana plan decode fd00:1234:5678:1:1:1:0:b --plan examples/networks/ipv6.yaml",
        "romana plan decode 10.1.1.27 --network main -o json",
      ],
      run: async (input, context) => {
        const codes = input.list("code");
        const fromServer = input.text("network") !== undefined;
        if (fromServer && codes.length > 0) {
          throw wrongInput("--code", "cannot be used together with --network, which knows the codes");
        }
        const network = await networkOf(input, context);
        const names = fromServer ? await namesOf(await context.client(), network) : onlyCodes(network, codes);
        return decodeText(network, input.argument("address"), names);
      },
    },
    {
      verb: "propose",
      summary: "Propose plans for wanted numbers of hosts, tenants, segments and endpoints",
      options: PROPOSE_OPTIONS,
      examples: [
        "romana plan propose --hosts 100 --tenants 40 --segments 8 --endpoints 12",
        "romana plan propose --prefix 10.0.0.0/8 --group rack=12 --hosts 20 --tenants 30 --segments 8 --endpoints 10",
        "romana plan propose --prefix fd00:1234:5678::/48 --hosts 5000 --tenants 2000 --segments 200 --endpoints 100",
        "romana plan propose --prefix 10.0.0.0/8 --hosts 100 --tenants 40 --segments 8 --endpoints 12 --choose hosts -o yaml",
      ],
      run: (input) => propose(input),
    },
  ],
};
