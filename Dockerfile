# docker build -t spikes . && docker run --rm -p 127.0.0.1:8888:8888 -v spikes:/home/student/course/my_course spikes
# Then open the address with the token that it prints.
FROM debian:trixie-slim
RUN apt-get update && apt-get install -y --no-install-recommends python3 python3-pip python3-venv \
    && rm -rf /var/lib/apt/lists/* && useradd --create-home --uid 1000 student
WORKDIR /home/student/course
RUN chown student:student .
USER student
COPY --chown=student:student . .
# sets up, compiles the bytecode, and writes the lessons to my_course/
RUN python3 noxfile.py -s view -- student && rm -rf .nox ~/.cache
# as noxfile.py has it: memory that was freed is kept
ENV PATH=/home/student/course/.venv/bin:$PATH MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=100000000000
EXPOSE 8888
HEALTHCHECK --interval=30s --start-period=60s \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8888/api', timeout=5)"]
CMD ["python", "-m", "jupyterlab", "--ip=0.0.0.0", "--no-browser", "--LabApp.default_url=/lab/tree/my_course/00_start_here.ipynb"]
