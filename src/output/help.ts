import { Help } from '@oclif/core';

/** oclif's help. Root help names the commands that a person needs first; topics hold the rest. */
export default class CloudHelp extends Help {}
