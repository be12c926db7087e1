// Atoms of AtomsView (see atoms_view.py) on a 2-D canvas: shaded balls sorted by depth, bonds, the
// cell, a mist that thickens with depth; turned by dragging, zoomed with the wheel.

/**
 * @typedef {[number, number, number]} Vector
 * @typedef {[Vector, Vector, Vector]} Turn  Rows: what lies to the right, up, and towards the eye.
 * @typedef {{at: Vector, colour: Vector, metal: boolean, covalent: number, full: boolean,
 *   radius: number, label: string}} Atom
 * @typedef {{atoms: Atom[], bonds: [number, number][], edges: [Vector, Vector][],
 *   axes: Turn | null, mark: string}} Scene
 * @typedef {{dark: boolean, paper: Vector, ink: string, cell: Vector, bond: Vector}} Look
 * @typedef {{x: number, y: number, z: number, depth: number}} Place  Pixels; depth from 0 to 1.
 * @typedef {{symbols?: string[], positions?: number[], cell?: Turn | null, labels?: string[],
 *   axes?: Turn | null}} Frame
 * @typedef {{name: string, frame: Frame, colors: string[], radii: number[], highlight: number[],
 *   selected: number, picked: {atom?: number, n?: number}, dark: boolean, backdrop: string,
 *   label: string, esm_constants: {elements: Record<string, [string, number]>},
 *   on(names: string | string[], callback: () => void): void}} Model
 */

const BOND_LIMIT = 1000      // no bonds beyond this many atoms
const BOND_STRETCH = 1.15    // times the sum of the covalent radii
const BOND_RADIUS = 0.1      // angstrom
const CELL_PIECES = 12       // an edge of the cell is cut up, so that atoms can hide parts of it
const CLICK_SLACK = 4        // pixels a click may move
const FAINT = 0.3            // opacity of what is not highlighted
const FIT = 0.94             // of the area
const NONMETALS = new Set(
  'H He B C N O F Ne Si P S Cl Ar Ge As Se Br Kr Te I Xe At Rn'.split(' '))
const WHITE = /** @type {Vector} */ ([255, 255, 255])
/** @type {Map<string, Camera>}  By component, so that a view that is put back keeps its turn. */
const cameras = new Map()

// ---------------------------------------------------------------- vectors, turns, colours

/** @type {(a: Vector, b: Vector) => number} */
const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2]

/** @type {<T>(f: (k: 0 | 1 | 2) => T) => [T, T, T]} */
const three = (f) => [f(0), f(1), f(2)]

/** @type {(a: Vector, b: Vector) => Vector} */
const minus = (a, b) => three((k) => a[k] - b[k])

/** @type {(...all: Vector[]) => Vector} */
const sum = (...all) => three((k) => all.reduce((s, v) => s + v[k], 0))

/** The way from a to b, as far as a share of it. @type {(a: Vector, b: Vector, t: number) => Vector} */
const between = (a, b, t) => three((k) => a[k] + (b[k] - a[k]) * t)

/** @type {(turn: Turn, v: Vector) => Vector} */
const turned = (turn, v) => three((k) => dot(turn[k], v))

/** The turn by the length of a vector, in radians, about it. @type {(v: Vector) => Turn} */
function about([x, y, z]) {
  const angle = Math.hypot(x, y, z) || 1e-12
  const [a, b, c] = [x / angle, y / angle, z / angle]
  const [co, si] = [Math.cos(angle), Math.sin(angle)]
  const r = 1 - co
  return [
    [co + a * a * r, a * b * r - c * si, a * c * r + b * si],
    [a * b * r + c * si, co + b * b * r, b * c * r - a * si],
    [a * c * r - b * si, b * c * r + a * si, co + c * c * r]]
}

/** The turn by `second`, then by `first`. @type {(first: Turn, second: Turn) => Turn} */
function product(first, second) {
  const columns = three((k) => turned(first, three((row) => second[row][k])))
  return three((row) => three((k) => columns[k][row]))
}

/** @type {(hex: string) => Vector} */
function rgb(hex) {
  const n = parseInt(hex.slice(1), 16)
  return [n >> 16, (n >> 8) & 255, n & 255]
}

/** @type {(colour: Vector) => string} */
const css = (colour) => `rgb(${colour.map(Math.round).join(',')})`

const START = product(about([-1.222, 0, 0]), about([0, 0, -0.419]))    // c axis up, tilted
const TILT = product(about([0.314, 0, 0]), about([0, 0.279, 0]))       // for what has axes of its own

// ---------------------------------------------------------------- what there is to draw

/** @type {(atoms: Atom[]) => [number, number][]} */
function bondsOf(atoms) {
  /** @type {[number, number][]} */
  const bonds = []
  if (atoms.length > BOND_LIMIT) return bonds
  atoms.forEach((p, i) => {
    for (let j = i + 1; j < atoms.length; j++) {
      const q = atoms[j]
      if (p.metal && q.metal) continue      // close-packed: only clutter
      const away = minus(p.at, q.at), square = dot(away, away)
      const reach = BOND_STRETCH * (p.covalent + q.covalent)
      if (square < reach * reach && square > 0.01) bonds.push([i, j])
    }
  })
  return bonds
}

/** @type {(cell: Turn | null) => [Vector, Vector][]} */
function edgesOf(cell) {
  if (!cell) return []
  const [a, b, c] = cell
  return [[a, b, c], [b, a, c], [c, a, b]].flatMap(([along, p, q]) =>
    [[], [p], [q], [p, q]].map((corner) =>
      /** @type {[Vector, Vector]} */ ([sum(...corner), sum(...corner, along)])))
}

/** @type {(model: Model) => Scene} */
function readScene(model) {
  const { symbols = [], positions = [], cell = null, labels = [], axes = null } = model.frame
  const lit = new Set(model.highlight), table = model.esm_constants.elements
  const own = model.colors.length === symbols.length
  const sized = model.radii.length === symbols.length
  const atoms = symbols.map((symbol, i) => {
    const [colour, covalent] = table[symbol] ?? table.X, metal = !NONMETALS.has(symbol)
    const full = lit.size === 0 || lit.has(i)
    const radius = sized ? model.radii[i] : 0.2 + (metal ? 0.46 : 0.36) * covalent
    return { at: /** @type {Vector} */ (positions.slice(3 * i, 3 * i + 3)),
      colour: rgb(own ? model.colors[i] : colour), metal, covalent, full,
      radius: full ? radius : 0.62 * radius, label: labels[i] ?? `${symbol} ${i}` }
  })
  return { atoms, bonds: bondsOf(atoms), edges: edgesOf(cell), axes,
    mark: JSON.stringify([symbols, positions, cell]) }
}

/** @type {(model: Model) => Look} */
function readLook({ dark, backdrop }) {
  return { dark, paper: rgb(backdrop || (dark ? '#1b2129' : '#ffffff')),
    ink: dark ? '#f0f3f6' : '#1f2328', cell: rgb(dark ? '#77818c' : '#959ea8'),
    bond: rgb(dark ? '#8b949e' : '#a9b0b8') }
}

// ---------------------------------------------------------------- the camera

/** Orthographic; x to the right, y up, z towards the eye. */
class Camera {
  turn = START
  touched = false                           // by hand: another structure keeps the turn
  centre = /** @type {Vector} */ ([0, 0, 0])
  reach = 1                                 // angstrom from the centre to the farthest atom
  pan = [0, 0]                              // pixels
  shown = ''                                // mark of the scene that it was fitted to
  scale = 1                                 // pixels per angstrom
  width = 0
  height = 0

  /** @param {Scene} scene */
  fit(scene) {
    this.shown = scene.mark
    /** @type {[Vector, number][]} */
    const points = [...scene.atoms.map((a) => /** @type {[Vector, number]} */ ([a.at, a.radius])),
      ...scene.edges.flat().map((p) => /** @type {[Vector, number]} */ ([p, 0.1]))]
    if (!points.length) return
    const end = (/** @type {0 | 1 | 2} */ k, /** @type {number} */ sign) =>
      sign * Math.max(...points.map(([p, r]) => sign * p[k] + r))
    this.centre = three((k) => (end(k, 1) + end(k, -1)) / 2)
    if (!this.touched) {
      const [a, b, c] = three((k) => end(k, 1) - end(k, -1))
      const lying = this.width > this.height && c > 1.5 * Math.max(a, b)
      this.turn = scene.axes ? product(TILT, scene.axes)
        : lying ? product(about([0, 0, Math.PI / 2]), START) : START  // a long c lies on its side
    }
    let [x, y] = [1, 1]
    this.reach = 1
    for (const [p, r] of points) {
      const v = this.#seen(p)
      x = Math.max(x, Math.abs(v[0]) + r)
      y = Math.max(y, Math.abs(v[1]) + r)
      this.reach = Math.max(this.reach, Math.hypot(...v) + r)
    }
    this.pan = [0, 0]
    this.scale = FIT * Math.min(this.width / (2 * x), this.height / (2 * y), 60)
  }

  /** @param {Vector} p */
  #seen(p) { return turned(this.turn, minus(p, this.centre)) }

  /** @type {(p: Vector) => Place} */
  place(p) {
    const [x, y, z] = this.#seen(p)
    return { z, depth: Math.max(0, Math.min(1, (this.reach - z) / (2 * this.reach))),
      x: this.width / 2 + this.pan[0] + x * this.scale,
      y: this.height / 2 + this.pan[1] - y * this.scale }
  }

  /** @type {(dx: number, dy: number) => void} */
  drag(dx, dy) {
    this.touched = true
    const [right, up] = product(about([dy * 0.01, dx * 0.01, 0]), this.turn)
    // rounding would in the end shear it: its rows are made a turn again
    const unit = (/** @type {Vector} */ v) => three((k) => v[k] / Math.hypot(...v))
    const x = unit(right), along = dot(up, x), y = unit(three((k) => up[k] - along * x[k]))
    this.turn = [x, y, [x[1] * y[2] - x[2] * y[1], x[2] * y[0] - x[0] * y[2],
      x[0] * y[1] - x[1] * y[0]]]
  }

  /** The point under the pointer stays where it is. @type {(f: number, x: number, y: number) => void} */
  zoom(factor, x, y) {
    const scale = Math.max(2, Math.min(400, this.scale * factor)), kept = scale / this.scale
    this.pan = [(x - this.width / 2) * (1 - kept) + this.pan[0] * kept,
      (y - this.height / 2) * (1 - kept) + this.pan[1] * kept]
    this.scale = scale
  }

  /** @type {(width: number, height: number) => void} */
  resize(width, height) {
    if (this.width && this.height) {
      const grown = Math.min(width, height) / Math.min(this.width, this.height)
      this.scale *= grown
      this.pan = this.pan.map((c) => c * grown)
    }
    this.width = width
    this.height = height
  }

  /** The foremost atom there, highlighted ones first; -1 for none.
   * @type {(scene: Scene, x: number, y: number) => number} */
  hit(scene, x, y) {
    let [best, score] = [-1, -Infinity]
    scene.atoms.forEach((atom, i) => {
      const at = this.place(atom.at)
      if (Math.hypot(at.x - x, at.y - y) > Math.max(atom.radius * this.scale, 4)) return
      const value = at.z + (atom.full ? 4 * this.reach : 0)
      if (value > score) [best, score] = [i, value]
    })
    return best
  }
}

// ---------------------------------------------------------------- the picture

/** Draws a scene, back to front. @param {HTMLCanvasElement} canvas */
function painter(canvas) {
  const pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'))

  /** @type {(scene: Scene, look: Look, camera: Camera) => void} */
  return (scene, look, camera) => {
    const ratio = window.devicePixelRatio || 1
    const night = /** @type {Vector} */ (look.dark ? [8, 12, 18] : [20, 24, 32])
    /** @type {[number, () => void][]} */
    const items = []
    canvas.width = Math.round(camera.width * ratio)
    canvas.height = Math.round(camera.height * ratio)
    pen.setTransform(ratio, 0, 0, ratio, 0, 0)
    pen.fillStyle = css(look.paper)
    pen.fillRect(0, 0, camera.width, camera.height)

    /** The mist: the farther away, the more of the paper. @type {(c: Vector, d: number) => string} */
    const misty = (colour, depth) => css(between(colour, look.paper, 0.42 * depth ** 1.6))

    /** @type {(p: Place, q: Place, full: boolean, strokes: [number, Vector][]) => void} */
    const line = (p, q, full, strokes) => items.push([(p.z + q.z) / 2, () => {
      pen.globalAlpha = full ? 1 : FAINT
      for (const [width, colour] of strokes) {
        pen.strokeStyle = misty(colour, (p.depth + q.depth) / 2)
        pen.lineWidth = width
        pen.beginPath()
        pen.moveTo(p.x, p.y)
        pen.lineTo(q.x, q.y)
        pen.stroke()
      }
    }])

    for (const [p, q] of scene.edges) {
      const stops = Array.from({ length: CELL_PIECES + 1 },
        (_, s) => camera.place(between(p, q, s / CELL_PIECES)))
      for (let s = 1; s < stops.length; s++) line(stops[s - 1], stops[s], true, [[1, look.cell]])
    }

    const width = Math.max(1.2, 2 * BOND_RADIUS * camera.scale)
    /** @type {[number, Vector][]}  A dark rim and a lit middle. */
    const strokes = [[width, between(look.bond, [0, 0, 0], 0.22)],
      [width / 2, between(look.bond, WHITE, 0.2)]]
    for (const [i, j] of scene.bonds) {
      const a = scene.atoms[i], b = scene.atoms[j]
      const length = Math.hypot(...minus(a.at, b.at))
      // from a little below the surface of the balls
      line(camera.place(between(a.at, b.at, 0.8 * a.radius / length)),
        camera.place(between(b.at, a.at, 0.8 * b.radius / length)), a.full && b.full, strokes)
    }

    for (const { at, radius, colour, full } of scene.atoms) {
      const { x, y, z, depth } = camera.place(at), r = radius * camera.scale
      items.push([z, () => {
        const shade = pen.createRadialGradient(x - 0.36 * r, y - 0.4 * r, 0.03 * r, x, y, r)
        shade.addColorStop(0, misty(between(colour, WHITE, 0.82), depth))
        shade.addColorStop(0.22, misty(between(colour, WHITE, 0.26), depth))
        shade.addColorStop(0.58, misty(colour, depth))
        shade.addColorStop(1, misty(between(colour, night, 0.46), depth))
        pen.globalAlpha = full ? 1 : FAINT
        pen.fillStyle = shade
        pen.beginPath()
        pen.arc(x, y, r, 0, 2 * Math.PI)
        pen.fill()
        // a rim lifts a dark ball off a dark page
        const rim = 0.3 * (1 - dot(colour, [0.3, 0.6, 0.1]) / 255)
        pen.strokeStyle = misty(look.dark ? between(colour, WHITE, rim) : between(colour, night, 0.5),
          depth)
        pen.lineWidth = 0.75
        pen.stroke()
      }])
    }
    items.sort(([p], [q]) => p - q)
    for (const [, draw] of items) draw()
    pen.globalAlpha = 1
  }
}

/** The ring around the selected atom, and the name of the one under the pointer.
 * @param {HTMLElement} box */
function overlay(box) {
  const ring = document.createElement('div'), chip = document.createElement('div')
  const common = 'position:absolute;left:0;top:0;pointer-events:none;display:none;'
  ring.style.cssText = `${common}border-radius:50%;box-sizing:border-box`
  chip.style.cssText = `${common}font:500 11px/1 system-ui,sans-serif;padding:4px 6px;`
    + 'border-radius:4px;white-space:nowrap'
  box.append(ring, chip)

  /** @type {(scene: Scene, look: Look, camera: Camera, selected: number, hovered: number) => void} */
  return (scene, look, camera, selected, hovered) => {
    const [chosen, under] = [scene.atoms[selected], scene.atoms[hovered]], paper = css(look.paper)
    ring.style.display = chosen ? 'block' : 'none'
    chip.style.display = under ? 'block' : 'none'
    if (chosen) {
      const { x, y } = camera.place(chosen.at), r = chosen.radius * camera.scale + 4.5
      ring.style.width = ring.style.height = `${2 * r}px`
      ring.style.transform = `translate(${x - r}px,${y - r}px)`
      ring.style.border = `2px solid ${look.ink}`
      ring.style.boxShadow = `0 0 0 1.5px ${paper},inset 0 0 0 1.5px ${paper}`
    }
    if (under) {
      chip.textContent = under.label
      chip.style.background = look.ink
      chip.style.color = paper
      const { x, y } = camera.place(under.at), r = 0.7 * under.radius * camera.scale
      const left = Math.min(x + r + 6, camera.width - chip.offsetWidth - 2)
      chip.style.transform = `translate(${left}px,${Math.max(y - r - chip.offsetHeight - 4, 2)}px)`
    }
  }
}

/** @typedef {(x: number, y: number) => void} At */

/** @param {HTMLElement} box
 * @param {{hover: At, drag: At, slide: At, click: At, reset: () => void,
 *   zoom(factor: number, x: number, y: number): void}} on */
function followPointer(box, on) {
  let held = false, moved = 0
  /** @type {(e: MouseEvent) => [number, number]} */
  const place = (e) => {
    const area = box.getBoundingClientRect()
    return [e.clientX - area.left, e.clientY - area.top]
  }
  let [x, y] = [0, 0]
  box.addEventListener('pointerdown', (e) => {
    if (e.button > 2) return
    held = true
    moved = 0;
    [x, y] = place(e)
    box.setPointerCapture(e.pointerId)
  })
  box.addEventListener('pointermove', (e) => {
    const [from, to] = [[x, y], place(e)]
    if (!held) return on.hover(...to)
    const [dx, dy] = [to[0] - from[0], to[1] - from[1]]
    moved += Math.abs(dx) + Math.abs(dy);
    [x, y] = to
    if (moved <= CLICK_SLACK) return undefined
    return e.buttons & 1 && !e.shiftKey && !e.ctrlKey ? on.drag(dx, dy) : on.slide(dx, dy)
  })
  box.addEventListener('pointerup', (e) => {
    if (held && moved <= CLICK_SLACK && e.button === 0) on.click(...place(e))
    held = false
  })
  box.addEventListener('pointercancel', () => { held = false })
  box.addEventListener('pointerleave', () => on.hover(-1e6, -1e6))
  box.addEventListener('dblclick', () => on.reset())
  box.addEventListener('contextmenu', (e) => e.preventDefault())
  box.addEventListener('wheel', (e) => {
    e.preventDefault()
    on.zoom(Math.exp(-e.deltaY * (e.deltaMode ? 0.05 : 0.0015)), ...place(e))
  }, { passive: false })
}

// ---------------------------------------------------------------- entry

/** @param {{model: Model & {on(name: 'remove', callback: () => void): void}, el: HTMLElement}} view */
export function render({ model, el }) {
  const box = document.createElement('div'), canvas = document.createElement('canvas')
  box.style.cssText = 'position:relative;width:100%;height:100%;overflow:hidden;cursor:grab;'
    + 'touch-action:none;user-select:none'
  box.setAttribute('role', 'img')
  canvas.style.cssText = 'position:absolute;inset:0;width:100%;height:100%'
  box.append(canvas)
  el.style.width = el.style.height = '100%'          // Panel sets them once; the host follows
  el.append(box)
  const paint = painter(canvas), lay = overlay(box)
  const camera = cameras.get(model.name) ?? new Camera()
  cameras.set(model.name, camera)
  let scene = readScene(model), look = readLook(model)
  let hovered = -1, waiting = false, stale = false

  function draw() {
    waiting = false
    if (!camera.width) return
    if (camera.shown !== scene.mark) camera.fit(scene)     // another structure, once
    paint(scene, look, camera)
    lay(scene, look, camera, model.selected, hovered)
  }
  function redraw() {
    if (!waiting) requestAnimationFrame(draw)
    waiting = true
  }
  function describe() {
    const n = scene.atoms.length, lit = new Set(model.highlight)
    box.dataset.atoms = String(n)
    box.dataset.highlighted = String(scene.atoms.filter((_, i) => lit.has(i)).length)
    box.dataset.selected = String(model.selected)
    box.style.background = css(look.paper)
    const plain = n ? `${n} atoms in three dimensions` : 'no atoms'
    box.setAttribute('aria-label', model.label || plain)
  }
  function update() {
    const begun = performance.now()
    stale = false
    scene = readScene(model)
    look = readLook(model)
    hovered = -1
    draw()
    describe()
    box.dataset.milliseconds = (performance.now() - begun).toFixed(1)
  }

  followPointer(box, {
    drag(dx, dy) { camera.drag(dx, dy); redraw() },
    slide(dx, dy) { camera.pan = [camera.pan[0] + dx, camera.pan[1] + dy]; redraw() },
    zoom(factor, x, y) { camera.zoom(factor, x, y); redraw() },
    reset() { camera.touched = false; camera.fit(scene); redraw() },
    hover(x, y) {
      const hit = camera.hit(scene, x, y)
      box.style.cursor = hit < 0 ? 'grab' : 'pointer'
      if (hit !== hovered) lay(scene, look, camera, model.selected, hit)
      hovered = hit
    },
    click(x, y) {
      const atom = camera.hit(scene, x, y)
      if (atom >= 0) model.picked = { atom, n: (model.picked.n ?? 0) + 1 }
    },
  })
  model.on(['frame', 'colors', 'radii', 'highlight', 'dark', 'backdrop', 'label'], () => {
    if (!stale) queueMicrotask(update)      // one update for all parameters changed together
    stale = true
  })
  model.on('selected', () => { redraw(); describe() })
  const watcher = new ResizeObserver(() => {
    if (!box.clientWidth || !box.clientHeight) return      // hidden: keep everything as it is
    camera.resize(box.clientWidth, box.clientHeight)
    draw()
    describe()
  })
  watcher.observe(box)
  model.on('remove', () => watcher.disconnect())
  describe()
}
