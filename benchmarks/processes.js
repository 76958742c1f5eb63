// Worker threads of Node as a side of `benchmarks.processes`: `node processes.js`, asked by lines of JSON.
// Times and units as in process_lives.py and process_channels.py; each workload checks what has come.
'use strict'

const { Worker, isMainThread, parentPort } = require('worker_threads')
const readline = require('readline')

const MEBIBYTE = 1024 * 1024
const KINDS = 4
const IN_FLIGHT = 16 // payloads that have been posted and not been taken

const small = (number) => ({ id: number, kind: 'tick' })
const tallied = (count) => [count, (count * (count - 1)) / 2]
const milliseconds = () => Number(process.hrtime.bigint()) / 1e6

function expect (what, expected, got) {
  const [wanted, found] = [JSON.stringify(expected), JSON.stringify(got)]
  if (wanted !== found) throw new Error(`${what}: expected ${wanted}, got ${found}`)
}

function percentile (times, share) {
  const ordered = [...times].sort((a, b) => a - b)
  return ordered[Math.min(ordered.length - 1, Math.floor(ordered.length * share))]
}

const sum = (times) => times.reduce((total, time) => total + time, 0)

function live () {
  let [count, total, wrong] = [0, 0, 0]
  parentPort.on('message', (message) => {
    if (message instanceof ArrayBuffer) {
      const bytes = new Uint8Array(message)
      if (bytes[0] !== count % KINDS || bytes[bytes.length - 1] !== count % KINDS) wrong += 1
      count += 1
      parentPort.postMessage(count)
    } else if (message.kind === 'tick') {
      count += 1
      total += message.id
    } else if (message.ask === 'said') {
      parentPort.postMessage([count, total])
    } else if (message.ask === 'wrong') {
      parentPort.postMessage([count, wrong])
    } else if (message.ask === 'send') {
      for (let number = 0; number < message.count; number++) parentPort.postMessage(small(number))
    } else if (message.ask === 'look') {
      const bytes = new Uint8Array(message.memory)
      parentPort.postMessage([bytes.length, bytes[0], bytes[bytes.length - 1], message.memory], [message.memory])
    } else {
      parentPort.postMessage(message)
    }
  })
  parentPort.postMessage('ready')
}

class Life {
  constructor () {
    this.worker = new Worker(__filename)
    this.ready = this.next()
    this.ended = new Promise((resolve) => this.worker.once('exit', () => resolve(milliseconds())))
  }

  next () {
    return new Promise((resolve, reject) => {
      this.worker.once('message', resolve)
      this.worker.once('error', reject)
    }).finally(() => this.worker.removeAllListeners('error'))
  }

  ask (message, transfer) {
    const answer = this.next()
    this.worker.postMessage(message, transfer)
    return answer
  }

  async end () {
    await this.worker.terminate()
    await this.ended
  }
}

async function started (count) {
  const lives = Array.from({ length: count }, () => new Life())
  for (const life of lives) expect('first word', 'ready', await life.ready)
  for (const [number, life] of lives.entries()) expect('answer', { number }, await life.ask({ number }))
  return lives
}

async function withOne (use) {
  const [life] = await started(1)
  try {
    return await use(life)
  } finally {
    await life.end()
  }
}

const workloads = {
  async crash (count) {
    const [known, back] = [[], []]
    let [life] = await started(1)
    for (let number = 0; number <= count; number++) {
      const killed = milliseconds()
      life.worker.terminate()
      const noticed = await life.ended
      life = new Life()
      expect('first word', 'ready', await life.ready)
      const ready = milliseconds()
      if (number === 0) continue
      known.push(noticed - killed)
      back.push(ready - killed)
    }
    await life.end()
    return {
      'noticed p50': percentile(known, 0.5),
      'noticed p99': percentile(known, 0.99),
      p50: percentile(back, 0.5),
      p99: percentile(back, 0.99),
      seconds: sum(back) / 1000
    }
  },

  async memory (count) {
    const before = process.memoryUsage().rss
    const lives = await started(count)
    const each = (process.memoryUsage().rss - before) / count / 1e6
    for (const life of lives) await life.end()
    return { private: each, pss: each }
  },

  async crowd (count) {
    const began = milliseconds()
    const lives = Array.from({ length: count }, () => new Life())
    for (const life of lives) expect('first word', 'ready', await life.ready)
    const ready = milliseconds()
    await Promise.all(lives.map((life) => life.end()))
    return { start: (ready - began) / count, stop: (milliseconds() - ready) / count }
  },

  tell: (count) => withOne(async (life) => {
    const began = milliseconds()
    for (let number = 0; number < count; number++) life.worker.postMessage(small(number))
    const said = await life.ask({ ask: 'said' })
    const took = milliseconds() - began
    expect('tally', tallied(count), said)
    return { rate: (count / took) * 1000, seconds: took / 1000 }
  }),

  'tell back': (count) => withOne(async (life) => {
    let [got, total] = [0, 0]
    const all = new Promise((resolve) => life.worker.on('message', (message) => {
      total += message.id
      if (++got === count) resolve(milliseconds())
    }))
    const began = milliseconds()
    life.worker.postMessage({ ask: 'send', count })
    const took = (await all) - began
    expect('tally', tallied(count), [got, total])
    return { rate: (count / took) * 1000, seconds: took / 1000 }
  }),

  ask: (count) => withOne(async (life) => {
    const times = []
    for (let number = 0; number < count; number++) {
      const began = milliseconds()
      const answer = await life.ask({ number })
      times.push((milliseconds() - began) * 1000)
      expect('answer', { number }, answer)
    }
    return { p50: percentile(times, 0.5), p99: percentile(times, 0.99), seconds: sum(times) / 1e6 }
  }),

  payload: (count, size) => withOne(async (life) => {
    const goods = Array.from({ length: KINDS }, (_, kind) => new Uint8Array(size * MEBIBYTE).fill(kind).buffer)
    let [posted, taken] = [0, 0]
    const began = milliseconds()
    await new Promise((resolve) => {
      const more = () => {
        while (posted < count && posted - taken < IN_FLIGHT) life.worker.postMessage(goods[posted++ % KINDS])
      }
      life.worker.on('message', (number) => {
        taken = number
        if (taken === count) resolve()
        else more()
      })
      more()
    })
    const took = milliseconds() - began
    life.worker.removeAllListeners('message')
    expect('payloads', [count, 0], await life.ask({ ask: 'wrong' }))
    return { 'GB/s': (count * size * MEBIBYTE) / took / 1e6, seconds: took / 1000 }
  }),

  blob: (count, size) => withOne(async (life) => {
    let memory = new ArrayBuffer(size * MEBIBYTE)
    new Uint8Array(memory).fill(1)
    const times = []
    for (let number = 0; number < count; number++) {
      const began = milliseconds()
      const [length, first, last, back] = await life.ask({ ask: 'look', memory }, [memory])
      times.push(milliseconds() - began)
      expect('what the worker saw', [size * MEBIBYTE, 1, 1], [length, first, last])
      memory = back
    }
    return { p50: percentile(times, 0.5) }
  })
}

async function serve () {
  const say = (answer) => process.stdout.write(JSON.stringify(answer) + '\n')
  say({ ready: true })
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const asked = JSON.parse(line)
    const workload = workloads[asked.workload]
    if (workload === undefined) {
      say({ missing: 'it has no such thing' })
      continue
    }
    const began = milliseconds()
    try {
      const { seconds = (milliseconds() - began) / 1000, ...values } = await workload(asked.count, asked.size)
      say({ values, seconds })
    } catch (error) {
      say({ error: String(error).split('\n')[0] })
    }
  }
}

if (isMainThread) serve()
else live()
