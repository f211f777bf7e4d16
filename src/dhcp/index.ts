export * from "./dnsmasq-config.ts";
export * from "./dnsmasq-hosts.ts";
