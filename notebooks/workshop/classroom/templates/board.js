const data = JSON.parse(document.querySelector("#board-data").textContent);
const element = (id) => document.getElementById(id);

let picture = null;    // of the board, as the site sent it last
let showNames = false;
let howToJoin = true;  // until somebody has joined
let silence;           // the timer that ends a notice
let pause = 500;       // milliseconds until the next attempt to connect, more or less
let ended = false;     // the class is over, and the page stays as it is
let socket;

function connect() {
  const url = new URL(data.socket, location.href);
  url.protocol = url.protocol.replace("http", "ws");
  socket = new WebSocket(url);
  socket.onmessage = (event) => {
    const frame = JSON.parse(event.data);
    if ("board" in frame) {
      if (picture === null || picture.students === 0) howToJoin = frame.board.students === 0;
      picture = frame.board;
      pause = 500;
      draw();
    } else if ("kept" in frame) {
      say(`Saved ${showNames ? "with" : "without"} names: ${frame.kept.folder}/${frame.kept.files[0]}`, 8);
    } else if ("ended" in frame) {
      end(frame.ended);
    } else {
      say(frame.error, 8);
    }
  };
  socket.onopen = () => {
    say("");
    document.querySelector("main").classList.remove("stale");
  };
  socket.onclose = () => {
    if (ended) return;
    say("Not connected. Trying again.");
    document.querySelector("main").classList.add("stale");
    setTimeout(connect, pause);
    pause = Math.min(2 * pause, 8000);
  };
}

function end(words) {
  ended = true;
  for (const id of ["remove", "save"]) element(id).disabled = true;
  say(words);
}

// Ask the site for something, unless it can't be reached.
function ask(frame) {
  if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(frame));
}

// Show a notice: for so many seconds, or until the next one.
function say(text, seconds) {
  clearTimeout(silence);
  element("notice").textContent = text;
  if (seconds) silence = setTimeout(() => say(""), 1000 * seconds);
}

function make(name, text = "", className = "") {
  const made = document.createElement(name);
  made.textContent = text;
  made.className = className;
  return made;
}

// The lesson writes `code` between backticks.
function makeText(name, text) {
  const made = make(name);
  text.split("`").forEach((part, number) => made.append(number % 2 ? make("code", part) : part));
  return made;
}

function draw() {
  element("join").hidden = !howToJoin;
  element("how").setAttribute("aria-expanded", howToJoin);
  element("names").setAttribute("aria-pressed", showNames);
  document.querySelector("main").classList.toggle("names", showNames);
  if (picture === null) return;
  const waiting = picture.not_yet ? `, ${picture.not_yet} without a check yet` : "";
  element("students").textContent = `${picture.students} student${picture.students === 1 ? "" : "s"}${waiting}`;
  drawStages();
  drawList("tests", picture.tests, "No test is red.", drawTest);
  const asked = [...new Set(picture.answers.map((answer) => answer.question))];
  drawList("answers", asked, "No wrong answer yet.", drawQuestion);
}

// From the first to the last stage where somebody is or was: a class that is at stage 3 needs no rows up to 15.
function drawStages() {
  const used = picture.stages.map((stage) => stage.here.length > 0 || stage.done > 0);
  const rows = picture.stages.slice(Math.max(0, used.indexOf(true)), used.lastIndexOf(true) + 1);
  const body = element("stages");
  body.style.setProperty("--rows", Math.max(1, rows.length / 4));
  const filled = rows.map(fillColumns);
  const most = Math.max(...filled.flat().map((students) => students.length));
  body.replaceChildren(...rows.map((stage, number) => drawStage(stage, filled[number], most)));
}

// Sort a stage's students into the columns: none green, some, most, all.
function fillColumns(stage) {
  const columns = [[], [], [], []];
  for (const student of stage.here) columns[columnOf(student, stage.tests)].push(student);
  return columns;
}

function drawStage(stage, columns, most) {
  const row = make("tr");
  const head = make("th");
  head.scope = "row";
  head.append(make("b", stage.stage), " ", stage.title);
  row.append(head);
  for (const students of columns) row.append(drawCell(students, most));
  row.append(make("td"));
  row.lastChild.append(make("b", stage.done || ""));
  return row;
}

function columnOf(student, tests) {
  if (student.done) return 3;
  if (student.green === 0) return 0;
  return student.green < tests / 2 ? 1 : 2;
}

function drawCell(students, most) {
  const cell = make("td");
  cell.append(make("b", students.length || ""));
  if (students.length) {
    cell.className = "here";
    cell.style.setProperty("--share", students.length / most);
  }
  if (showNames && students.length) {
    const names = make("ul");
    for (const student of students) names.append(makeName(student));
    cell.append(names);
  }
  return cell;
}

function makeName(student) {
  const made = make("li");
  made.append(make("bdi", student.name ?? `Student ${student.student}`));
  return made;
}

function drawList(id, rows, nothing, drawRow) {
  element(id).replaceChildren(...(rows.length ? rows.map(drawRow) : [make("li", nothing, "nothing")]));
}

function drawTest(test) {
  const row = make("li", "", "counted");
  const words = make("div");
  words.append(make("span", `Stage ${test.stage} `, "soft"), makeText("span", test.sentence));
  row.append(make("b", test.students), words);
  return row;
}

function drawQuestion(question) {
  const answers = picture.answers.filter((answer) => answer.question === question);
  const {right, answered} = picture.questions.find((each) => each.question === question);
  const row = make("li");
  row.append(makeText("div", answers[0].asks));
  row.append(make("div", `${right} of ${answered} were right at once.`, "soft"));
  for (const {students, answer, text} of answers) {
    const given = make("div", "", "counted");
    given.append(make("b", students), makeText("div", `${answer}: ${text}`));
    row.append(given);
  }
  return row;
}

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  element("theme").textContent = theme === "dark" ? "Light" : "Dark";
}

element("how").onclick = () => { howToJoin = !howToJoin; draw(); };
element("names").onclick = () => { showNames = !showNames; draw(); };
element("remove").onclick = () => ask({remove: true});
element("save").onclick = () => ask({save: true, names: showNames});  // names are kept only if they are on the page now
element("theme").onclick = () => setTheme(document.documentElement.dataset.theme === "dark" ? "light" : "dark");

// As a picture, which runs no script. SVG inside of HTML needs no namespace, but a picture does.
const qr = data.qr.includes("xmlns=") ? data.qr : data.qr.replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"');
element("qr").src = `data:image/svg+xml,${encodeURIComponent(qr)}`;
element("join-notebook").textContent = `from workshop import join_class\njoin_class("${data.join}")`;
element("join-terminal").textContent = `../.venv/bin/python -m workshop join ${data.join}`;
element("wall").href = data.wall;
setTheme(matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
draw();
connect();
