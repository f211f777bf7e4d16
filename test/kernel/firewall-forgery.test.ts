import { exampleWorld } from "../support/example-world.ts";
import { describeForgeries } from "../support/firewall-forgery.case.ts";
import { NFT_FIREWALL } from "../support/firewall-scene.ts";
import { IptablesFirewall } from "../support/iptables-firewall.ts";

describeForgeries(NFT_FIREWALL);
describeForgeries(new IptablesFirewall("nft", exampleWorld()));
describeForgeries(new IptablesFirewall("legacy", exampleWorld()));
