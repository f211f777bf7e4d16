import { z } from "zod";
import { backendsResourceSchema } from "./backends.ts";
import { chainResourceSchema } from "./chain.ts";
import { strict } from "./decode.ts";
import { endpointResourceSchema } from "./endpoint.ts";
import { fabricResourceSchema } from "./fabric.ts";
import { hostResourceSchema } from "./host.ts";
import { networkResourceSchema } from "./network.ts";
import { policyResourceSchema } from "./policy.ts";
import { exceptionResourceSchema } from "./policy-api.ts";
import { relocationResourceSchema } from "./relocation.ts";
import { segmentResourceSchema } from "./segment.ts";
import { serviceResourceSchema } from "./service.ts";
import { tenantResourceSchema } from "./tenant.ts";
import { nameSchema, revisionSchema } from "./text.ts";
import { virtualIpResourceSchema } from "./virtual-ip.ts";

/** Everything that the agent of one host works from, at one revision. */
export const hostViewSchema = strict({
  revision: revisionSchema,
  host: nameSchema,
  networks: z.array(networkResourceSchema),
  hosts: z.array(hostResourceSchema),
  tenants: z.array(tenantResourceSchema),
  segments: z.array(segmentResourceSchema),
  policies: z.array(policyResourceSchema).meta({ description: "All policies." }),
  exceptions: z.array(exceptionResourceSchema).meta({ description: "Exceptions of all hosts." }),
  relocations: z
    .array(relocationResourceSchema)
    .meta({ description: "Endpoints of all hosts that are on another one than their address says." }),
  virtualIps: z.array(virtualIpResourceSchema).default([]).meta({ description: "All virtual IPs." }),
  services: z.array(serviceResourceSchema).default([]).meta({ description: "All services." }),
  chains: z.array(chainResourceSchema).default([]).meta({ description: "All chains." }),
  fabrics: z.array(fabricResourceSchema).default([]).meta({ description: "All fabrics." }),
  backends: z
    .array(backendsResourceSchema)
    .default([])
    .meta({ description: "The healthy endpoints of all segments that flows are steered to." }),
  endpoints: z.array(endpointResourceSchema).meta({ description: "The host's own endpoints." }),
}).meta({ id: "HostView", description: "Everything that the agent of one host works from." });

/** Everything that the agent of one host works from, at one revision. */
export type HostView = z.output<typeof hostViewSchema>;
