import { Command } from "commander";
import { doctorCommand } from "./doctor.ts";

const program = new Command("ahamask").addCommand(doctorCommand());
await program.parseAsync();
