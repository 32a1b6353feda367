// What to send, as JSON on standard input; what it cost, as JSON on standard output.
import { readFileSync } from "node:fs";

export const task = JSON.parse(readFileSync(0, "utf8"));

export async function report(work) {
  const cpu = process.cpuUsage();
  const began = performance.now();
  await work();
  const seconds = (performance.now() - began) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  console.log(JSON.stringify({ sent: task.count, seconds, cpu_seconds: (user + system) / 1e6 }));
}

// `send` for each of the addresses in turn, as many at once as the task says.
export async function measure(send, addresses) {
  const run = async (count) => {
    let next = 0;
    const worker = async () => {
      while (next < count) await send(addresses[next++ % addresses.length]);
    };
    await Promise.all(Array.from({ length: task.concurrency }, worker));
  };
  await run(task.warmup);
  await report(() => run(task.count));
}
