#!/usr/bin/env node
import { launch } from "./launch.mjs";

await launch("../src/bin/romana-cni.ts");
