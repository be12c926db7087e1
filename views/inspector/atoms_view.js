// The scene, the camera, the mouse and the 3Dmol painter of AtomsView (see atoms_view.py).
// A painter is { name, build(scene, look), resize(width, height), draw(camera), dispose() }.

const BOND_LIMIT = 500;      // no bonds beyond this many atoms
const BOND_STRETCH = 1.15;   // times the sum of the covalent radii
const CLICK_SLACK = 4;       // pixels a click may move
const FIT = 0.94;            // of the area
const START = rotationOf([-70, 0, 0], [0, 0, -24]);     // c axis up, tilted
const TILT = rotationOf([18, 0, 0], [0, 16, 0]);       // for what has axes of its own
const NONMETALS = new Set(
  'H He B C N O F Ne Si P S Cl Ar Ge As Se Br Kr Te I Xe At Rn'.split(' '));
const cameras = new Map();   // by component, so that a view that is put back keeps its turn
const spareViewers = [];     // 3Dmol viewers cannot be destroyed, only used again

// ---------------------------------------------------------------- rotations: [x, y, z, w]

function multiply([a, b, c, d], [e, f, g, h]) {
  return [d * e + a * h + b * g - c * f, d * f - a * g + b * h + c * e,
    d * g + a * f - b * e + c * h, d * h - a * e - b * f - c * g];
}

function axisAngle([x, y, z]) {             // the length of the vector is the angle, radians
  const angle = Math.hypot(x, y, z);
  const s = angle ? Math.sin(angle / 2) / angle : 0;
  return [x * s, y * s, z * s, Math.cos(angle / 2)];
}

function rotationOf(...degrees) {           // the last one acts first
  return degrees.map((v) => axisAngle(v.map((a) => a * Math.PI / 180))).reduce(multiply);
}

function ofAxes([r, u, t]) {                // right, up, towards the eye: the rows of a rotation
  const trace = r[0] + u[1] + t[2];
  const big = [r[0], u[1], t[2], trace];
  const q = [
    [1 + 2 * r[0] - trace, r[1] + u[0], r[2] + t[0], t[1] - u[2]],
    [r[1] + u[0], 1 + 2 * u[1] - trace, u[2] + t[1], r[2] - t[0]],
    [r[2] + t[0], u[2] + t[1], 1 + 2 * t[2] - trace, u[0] - r[1]],
    [t[1] - u[2], r[2] - t[0], u[0] - r[1], 1 + trace],
  ][big.indexOf(Math.max(...big))];
  const length = Math.hypot(...q);
  return q.map((c) => c / length);
}

function rotate([x, y, z, w], [a, b, c]) {
  const t = [2 * (y * c - z * b), 2 * (z * a - x * c), 2 * (x * b - y * a)];
  return [a + w * t[0] + y * t[2] - z * t[1], b + w * t[1] + z * t[0] - x * t[2],
    c + w * t[2] + x * t[1] - y * t[0]];
}

// ---------------------------------------------------------------- the scene

function findBonds(atoms) {
  const bonds = [];
  if (atoms.length > BOND_LIMIT) return bonds;
  for (let i = 0; i < atoms.length; i++) {
    for (let j = i + 1; j < atoms.length; j++) {
      const p = atoms[i].at, q = atoms[j].at;
      if (atoms[i].metal && atoms[j].metal) continue;       // close-packed: only clutter
      const reach = BOND_STRETCH * (atoms[i].covalent + atoms[j].covalent);
      const square = (p[0] - q[0]) ** 2 + (p[1] - q[1]) ** 2 + (p[2] - q[2]) ** 2;
      if (square < reach * reach && square > 0.01) bonds.push([i, j]);
    }
  }
  return bonds;
}

function cellEdges(cell) {
  if (!cell) return [];
  const add = (...vs) => vs.reduce((p, q) => p.map((c, k) => c + q[k]), [0, 0, 0]);
  const [a, b, c] = cell;
  return [[a, b, c], [b, a, c], [c, a, b]].flatMap(([along, p, q]) =>
    [[], [p], [q], [p, q]].map((corner) => [add(...corner), add(...corner, along)]));
}

function readScene(model) {
  const { symbols = [], positions = [], cell = null, labels = [], axes = null } = model.frame ?? {};
  const table = model.esm_constants.elements;
  const lit = new Set(model.highlight);
  const own = model.colors.length === symbols.length;
  const sized = model.radii.length === symbols.length;
  const atoms = symbols.map((symbol, i) => {
    const [colour, covalent] = table[symbol] ?? table.X;
    const full = lit.size === 0 || lit.has(i);
    const radius = sized ? model.radii[i] : 0.2 + (NONMETALS.has(symbol) ? 0.36 : 0.46) * covalent;
    return { at: positions.slice(3 * i, 3 * i + 3), colour: own ? model.colors[i] : colour,
      metal: !NONMETALS.has(symbol), covalent, full,
      radius: full ? radius : 0.62 * radius, label: labels[i] ?? `${symbol} ${i}` };
  });
  return { atoms, bonds: findBonds(atoms), edges: cellEdges(cell), axes,
    mark: JSON.stringify([symbols, positions, cell]) };
}

function readLook(model) {
  const dark = model.dark;
  return { dark, background: model.backdrop || (dark ? '#1b2129' : '#ffffff'),
    cell: dark ? '#77818c' : '#959ea8', bond: dark ? '#8b949e' : '#a9b0b8', bondRadius: 0.1,
    ring: dark ? '#f0f3f6' : '#1f2328', faint: 0.3 };
}

// ---------------------------------------------------------------- the camera

class Camera {                              // orthographic; x right, y up, z towards the eye
  turn = START;
  touched = false;
  centre = [0, 0, 0];
  reach = 1;                                // angstrom from the centre to the farthest atom
  pan = [0, 0];                             // pixels
  shown = null;                             // mark of the scene that it was fitted to
  scale = 0;                                // pixels per angstrom; 0 until first fitted
  width = 0;
  height = 0;

  fit(scene) {
    const points = [...scene.atoms.map((a) => [a.at, a.radius]),
      ...scene.edges.flat().map((p) => [p, 0.1])];
    this.shown = scene.mark;
    if (!points.length) return;
    const middle = (k) => (Math.min(...points.map(([p, r]) => p[k] - r))
      + Math.max(...points.map(([p, r]) => p[k] + r))) / 2;
    this.centre = [0, 1, 2].map(middle);
    if (!this.touched) {
      this.turn = scene.axes ? multiply(TILT, ofAxes(scene.axes)) : this.#start(points);
    }
    let x = 1, y = 1;
    this.reach = 1;
    for (const [p, r] of points) {
      const v = this.#turned(p);
      x = Math.max(x, Math.abs(v[0]) + r);
      y = Math.max(y, Math.abs(v[1]) + r);
      this.reach = Math.max(this.reach, Math.hypot(...v) + r);
    }
    this.pan = [0, 0];
    this.scale = FIT * Math.min(this.width / (2 * x), this.height / (2 * y), 60);
  }

  #start(points) {                          // a long c axis lies along the wider side
    const long = (k) => Math.max(...points.map(([p]) => Math.abs(p[k] - this.centre[k])));
    const lying = this.width > this.height && long(2) > 1.5 * Math.max(long(0), long(1));
    return lying ? multiply(rotationOf([0, 0, 90]), START) : START;
  }

  #turned(p) {
    return rotate(this.turn, p.map((c, k) => c - this.centre[k]));
  }

  place(p) {
    const [x, y, z] = this.#turned(p);
    return { z, depth: (this.reach - z) / (2 * this.reach),
      x: this.width / 2 + this.pan[0] + x * this.scale,
      y: this.height / 2 + this.pan[1] - y * this.scale };
  }

  drag(dx, dy) {
    this.touched = true;
    this.turn = multiply(axisAngle([dy * 0.01, dx * 0.01, 0]), this.turn);
    const length = Math.hypot(...this.turn);
    this.turn = this.turn.map((c) => c / length);
  }

  slide(dx, dy) { this.pan = [this.pan[0] + dx, this.pan[1] + dy]; }

  zoom(factor, x, y) {                      // the point under the pointer stays where it is
    const scale = Math.max(2, Math.min(400, this.scale * factor));
    const kept = scale / this.scale;
    this.pan = [(x - this.width / 2) * (1 - kept) + this.pan[0] * kept,
      (y - this.height / 2) * (1 - kept) + this.pan[1] * kept];
    this.scale = scale;
  }

  resize(width, height) {
    if (this.width && this.height) {
      const grown = Math.min(width, height) / Math.min(this.width, this.height);
      this.scale *= grown;
      this.pan = this.pan.map((c) => c * grown);
    }
    this.width = width;
    this.height = height;
  }

  hit(scene, x, y) {                        // the foremost atom there; highlighted ones first
    let best = -1, score = -Infinity;
    scene.atoms.forEach((atom, i) => {
      const at = this.place(atom.at);
      if (Math.hypot(at.x - x, at.y - y) > Math.max(atom.radius * this.scale, 4)) return;
      const value = at.z + (atom.full ? 4 * this.reach : 0);
      if (value > score) [best, score] = [i, value];
    });
    return best;
  }
}

// ---------------------------------------------------------------- 3Dmol

function hasWebGL() {
  try {
    if (!window.$3Dmol || !window.OffscreenCanvas) return false;
    const context = new OffscreenCanvas(1, 1).getContext('webgl2');
    context?.getExtension('WEBGL_lose_context')?.loseContext();
    return Boolean(context);
  } catch {
    return false;
  }
}

// 3Dmol 2.5 shades without ambient light or gloss. This replaces the last step of its shaders
// by that of the 2-D drawing; where they read otherwise, they stay as they are.
const PLAIN = 'gl_FragColor = vec4(color, opacity*opacity );';
const gloss = (dark) => `
  vec3 own = abs(vColor), face = normalize(norm);
  float lit = max(dot(face, normalize(vec3(-0.40, 0.45, 0.80))), 0.0);
  color = own * (0.50 + 0.54 * lit);
  color += (1.0 - color) * (0.80 * pow(lit, 30.0) + 0.18 * pow(lit, 5.0));
  color = mix(color, vec3(1.0), ${dark ? '0.30' : '0.0'} * pow(1.0 - abs(face.z), 3.0));
  ${PLAIN}`;

function polish(kept) {
  const renderer = kept.viewer.renderer, build = renderer?.buildProgram;
  if (!build) return;
  renderer.buildProgram = (fragment, ...rest) => build.call(renderer,
    fragment.includes('norm') ? fragment.replace(PLAIN, gloss(kept.dark)) : fragment, ...rest);
}

function newViewer(box) {
  const host = document.createElement('div');
  host.style.cssText = 'position:absolute;inset:0';
  box.prepend(host);
  const viewer = $3Dmol.createViewer(host, { orthographic: true, nomouse: true });
  const kept = { host, viewer, dark: false };
  polish(kept);
  return kept;
}

function molPainter(box) {
  const kept = spareViewers.pop() ?? newViewer(box);
  const { host, viewer } = kept;
  box.prepend(host);

  function addGroup(scene, look, full) {    // opacity holds for a model, so one for each kind
    const opacity = full ? 1 : Math.sqrt(look.faint);       // 3Dmol squares it
    const stick = { radius: look.bondRadius * (full ? 1 : 0.8), color: look.bond, opacity };
    const atoms = scene.atoms.map((a, i) => ({
      elem: 'C', x: a.at[0], y: a.at[1], z: a.at[2], index: i, serial: i, bonds: [],
      bondOrder: [], style: a.full === full
        ? { sphere: { radius: a.radius, color: a.colour, opacity } } : {} }));
    for (const [i, j] of scene.bonds) {
      if ((scene.atoms[i].full && scene.atoms[j].full) !== full) continue;
      for (const [p, q] of [[i, j], [j, i]]) {
        atoms[p].bonds.push(q);
        atoms[p].bondOrder.push(1);
        atoms[p].style.stick = stick;
      }
    }
    viewer.addModel().addAtoms(atoms);
  }

  const point = ([x, y, z]) => ({ x, y, z });

  return {
    name: '3dmol',
    build(scene, look) {
      kept.dark = look.dark;
      viewer.removeAllModels();
      viewer.removeAllShapes();
      viewer.setBackgroundColor(look.background);
      addGroup(scene, look, true);
      if (scene.atoms.some((a) => !a.full)) addGroup(scene, look, false);
      for (const [p, q] of scene.edges) {
        viewer.addLine({ start: point(p), end: point(q), color: look.cell });
      }
      viewer.render();
    },
    resize() { viewer.resize(); },
    draw(camera) {
      const scale = camera.scale || 1;                       // no atoms, no scale
      const half = camera.width / 2 / scale;                // angstrom; 3Dmol's fov is 20 degrees
      const distance = half / Math.tan(20 * Math.PI / 180);
      viewer.setSlab(-1.05 * camera.reach, 1.9 * camera.reach);     // the far end sets the mist
      viewer.setView([...camera.centre.map((c) => -c), 150 - distance, ...camera.turn,
        camera.pan[0] / scale, -camera.pan[1] / scale]);
    },
    dispose() {
      viewer.removeAllModels();
      viewer.removeAllShapes();
      host.remove();
      spareViewers.push(kept);
    },
  };
}

// ---------------------------------------------------------------- what lies over the picture

function overlay(box) {
  const ring = document.createElement('div'), chip = document.createElement('div');
  ring.style.cssText = 'position:absolute;left:0;top:0;border-radius:50%;pointer-events:none;'
    + 'box-sizing:border-box;display:none';
  chip.style.cssText = 'position:absolute;left:0;top:0;pointer-events:none;display:none;'
    + 'font:500 11px/1 system-ui,sans-serif;padding:4px 6px;border-radius:4px;white-space:nowrap';
  box.append(ring, chip);

  function showRing(scene, camera, look, selected) {
    const atom = scene.atoms[selected];
    ring.style.display = atom ? 'block' : 'none';
    if (!atom) return;
    const { x, y } = camera.place(atom.at), r = atom.radius * camera.scale + 4.5;
    ring.style.width = ring.style.height = `${2 * r}px`;
    ring.style.transform = `translate(${x - r}px,${y - r}px)`;
    ring.style.border = `2px solid ${look.ring}`;
    ring.style.boxShadow = `0 0 0 1.5px ${look.background},inset 0 0 0 1.5px ${look.background}`;
  }

  function showChip(scene, camera, look, index) {
    const atom = scene.atoms[index];
    chip.style.display = atom ? 'block' : 'none';
    if (!atom) return;
    chip.textContent = atom.label;
    chip.style.background = look.ring;
    chip.style.color = look.background;
    const { x, y } = camera.place(atom.at), r = atom.radius * camera.scale;
    const right = Math.min(x + 0.7 * r + 6, camera.width - chip.offsetWidth - 2);
    const top = Math.max(y - 0.7 * r - chip.offsetHeight - 4, 2);
    chip.style.transform = `translate(${right}px,${top}px)`;
  }
  return { showRing, showChip };
}

function followPointer(box, on) {
  let last = null, moved = 0;
  const place = (e) => {
    const area = box.getBoundingClientRect();
    return [e.clientX - area.left, e.clientY - area.top];
  };
  box.addEventListener('pointerdown', (e) => {
    if (e.button > 2) return;
    last = [e.clientX, e.clientY];
    moved = 0;
    box.setPointerCapture(e.pointerId);
  });
  box.addEventListener('pointermove', (e) => {
    if (!last) return on.hover(...place(e));
    const dx = e.clientX - last[0], dy = e.clientY - last[1];
    moved += Math.abs(dx) + Math.abs(dy);
    last = [e.clientX, e.clientY];
    if (moved <= CLICK_SLACK) return undefined;
    return e.buttons & 1 && !e.shiftKey && !e.ctrlKey ? on.drag(dx, dy) : on.slide(dx, dy);
  });
  box.addEventListener('pointerup', (e) => {
    if (last && moved <= CLICK_SLACK && e.button === 0) on.click(...place(e));
    last = null;
  });
  box.addEventListener('pointercancel', () => { last = null; });
  box.addEventListener('pointerleave', () => on.hover(-1e6, -1e6));
  box.addEventListener('dblclick', () => on.reset());
  box.addEventListener('contextmenu', (e) => e.preventDefault());
  box.addEventListener('wheel', (e) => {
    e.preventDefault();
    on.zoom(Math.exp(-e.deltaY * (e.deltaMode ? 0.05 : 0.0015)), ...place(e));
  }, { passive: false });
}

function newBox(el) {
  const box = document.createElement('div');
  box.style.cssText = 'position:relative;width:100%;height:100%;overflow:hidden;cursor:grab;'
    + 'touch-action:none;user-select:none';
  box.setAttribute('role', 'img');
  el.style.width = el.style.height = '100%';         // Panel sets them once; the host follows
  el.appendChild(box);
  return box;
}

// ---------------------------------------------------------------- entry

export function render({ model, el }) {
  const box = newBox(el), over = overlay(box);
  const camera = cameras.get(model.name) ?? new Camera();
  cameras.set(model.name, camera);
  let scene = readScene(model), look = readLook(model), painter = null;
  let hovered = -1, waiting = false, stale = false;

  function settle() {                       // another structure is fitted to the area, once
    if (camera.width && camera.shown !== scene.mark) camera.fit(scene);
  }
  function paint() {
    waiting = false;
    if (!painter) return;
    painter.draw(camera);
    over.showRing(scene, camera, look, model.selected);
    over.showChip(scene, camera, look, hovered);
  }
  function repaint() {
    if (!waiting) requestAnimationFrame(paint);
    waiting = true;
  }
  function start() {
    if (model.engine === 'auto' && hasWebGL()) {
      try {
        painter = molPainter(box);
        return painter.build(scene, look);
      } catch {                             // an unusual driver: the canvas never fails
        box.querySelectorAll(':scope > div > canvas').forEach((c) => c.parentNode.remove());
      }
    }
    painter = canvasPainter(box);
    return painter.build(scene, look);
  }
  function describe() {
    const n = scene.atoms.length, lit = new Set(model.highlight);
    box.dataset.atoms = String(n);
    box.dataset.highlighted = String(scene.atoms.filter((_, i) => lit.has(i)).length);
    box.dataset.selected = String(model.selected);
    box.dataset.engine = painter?.name ?? '';
    box.style.background = look.background;
    const plain = n ? `${n} atoms in three dimensions` : 'no atoms';
    box.setAttribute('aria-label', model.label || plain);
  }
  function update() {
    const begun = performance.now();
    stale = false;
    scene = readScene(model);
    look = readLook(model);
    hovered = -1;
    settle();
    if (painter) {
      painter.build(scene, look);
      paint();
    }
    describe();
    box.dataset.milliseconds = (performance.now() - begun).toFixed(1);
  }
  function change() {                       // one update for all parameters changed together
    if (!stale) queueMicrotask(update);
    stale = true;
  }
  function resize() {
    const width = box.clientWidth, height = box.clientHeight;
    if (!width || !height) return;          // hidden: keep everything as it is
    camera.resize(width, height);
    settle();
    if (!painter) start();
    painter.resize(width, height);
    paint();
    describe();
  }

  followPointer(box, {
    drag(dx, dy) { camera.drag(dx, dy); repaint(); },
    slide(dx, dy) { camera.slide(dx, dy); repaint(); },
    zoom(factor, x, y) { camera.zoom(factor, x, y); repaint(); },
    reset() { camera.touched = false; camera.fit(scene); repaint(); },
    hover(x, y) {
      const hit = camera.hit(scene, x, y);
      box.style.cursor = hit < 0 ? 'grab' : 'pointer';
      if (hit !== hovered) repaint();
      hovered = hit;
    },
    click(x, y) {
      const atom = camera.hit(scene, x, y);
      if (atom >= 0) model.picked = { atom, n: (model.picked?.n ?? 0) + 1 };
    },
  });
  model.on(['frame', 'colors', 'radii', 'highlight', 'dark', 'backdrop', 'label'], change);
  model.on('selected', () => { repaint(); describe(); });
  const watcher = new ResizeObserver(resize);
  watcher.observe(box);
  model.on('remove', () => {
    watcher.disconnect();
    painter?.dispose();
    painter = null;
  });
  describe();
}
