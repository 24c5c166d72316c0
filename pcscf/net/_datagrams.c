/* Many datagrams in one system call: recvmmsg(2) and sendmmsg(2), for pcscf.net.datagrams.
 *
 * Optional. Where it is not built, pcscf.net.datagrams does the same one by one.
 * Both functions are called with the GIL held and never block, so the buffers may be static.
 */
#define PY_SSIZE_T_CLEAN
#define _GNU_SOURCE
#include <Python.h>
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

#define MOST 64        /* datagrams a call */
#define LARGEST 65536  /* octets of one: more than UDP can carry */

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static struct mmsghdr headers[MOST];
static struct iovec vectors[MOST];
static union address addresses[MOST];
static char buffers[MOST][LARGEST]; /* only pages that datagrams have reached are ever real */

/* (host, port), and (host, port, flow information, scope) for IPv6, as socket.recvfrom has it. */
static PyObject *
read_address(const union address *from)
{
    char host[INET6_ADDRSTRLEN];

    if (from->any.sa_family == AF_INET) {
        inet_ntop(AF_INET, &from->v4.sin_addr, host, sizeof host);
        return Py_BuildValue("si", host, ntohs(from->v4.sin_port));
    }
    inet_ntop(AF_INET6, &from->v6.sin6_addr, host, sizeof host);
    return Py_BuildValue("siII", host, ntohs(from->v6.sin6_port),
                         ntohl(from->v6.sin6_flowinfo), from->v6.sin6_scope_id);
}

/* A numeric address without a scope. False: it is none, and nothing is raised. */
static bool
write_address(const char *host, int port, union address *to, socklen_t *size)
{
    memset(to, 0, sizeof *to);
    if (inet_pton(AF_INET, host, &to->v4.sin_addr) == 1) {
        to->v4.sin_family = AF_INET;
        to->v4.sin_port = htons(port);
        *size = sizeof to->v4;
        return true;
    }
    if (inet_pton(AF_INET6, host, &to->v6.sin6_addr) != 1)
        return false;
    to->v6.sin6_family = AF_INET6;
    to->v6.sin6_port = htons(port);
    *size = sizeof to->v6;
    return true;
}

static PyObject *
receive(PyObject *Py_UNUSED(module), PyObject *args)
{
    int fd, most, size;
    if (!PyArg_ParseTuple(args, "iii", &fd, &most, &size))
        return NULL;
    if (most < 1 || most > MOST || size < 1 || size > LARGEST)
        return PyErr_Format(PyExc_ValueError, "at most %d datagrams of %d octets", MOST, LARGEST);
    for (int i = 0; i < most; i++) {
        vectors[i] = (struct iovec){buffers[i], size};
        headers[i].msg_hdr = (struct msghdr){
            .msg_name = &addresses[i], .msg_namelen = sizeof addresses[i],
            .msg_iov = &vectors[i], .msg_iovlen = 1};
    }
    int count = recvmmsg(fd, headers, most, MSG_DONTWAIT, NULL);
    if (count < 0)
        return PyErr_SetFromErrno(PyExc_OSError);
    PyObject *list = PyList_New(count);
    for (int i = 0; list && i < count; i++) {
        PyObject *item = Py_BuildValue("y#N", buffers[i], (Py_ssize_t)headers[i].msg_len,
                                       read_address(&addresses[i]));
        if (!item)
            Py_CLEAR(list);
        else
            PyList_SET_ITEM(list, i, item);
    }
    return list;
}

static PyObject *
send_(PyObject *Py_UNUSED(module), PyObject *args)
{
    int fd;
    PyObject *datagrams;
    if (!PyArg_ParseTuple(args, "iO!", &fd, &PyList_Type, &datagrams))
        return NULL;
    Py_ssize_t count = PyList_GET_SIZE(datagrams);
    if (count > MOST)
        count = MOST;
    for (Py_ssize_t i = 0; i < count; i++) {
        char *data;
        const char *host;
        int port;
        Py_ssize_t size;
        socklen_t address_size;
        PyObject *item = PyList_GET_ITEM(datagrams, i);
        if (!PyArg_ParseTuple(item, "y#(si)", &data, &size, &host, &port))
            return NULL;
        if (!write_address(host, port, &addresses[i], &address_size))
            return PyErr_Format(PyExc_ValueError, "no numeric address: %s", host);
        vectors[i] = (struct iovec){data, size};
        headers[i].msg_hdr = (struct msghdr){
            .msg_name = &addresses[i], .msg_namelen = address_size,
            .msg_iov = &vectors[i], .msg_iovlen = 1};
    }
    int sent = sendmmsg(fd, headers, count, MSG_DONTWAIT);
    if (sent < 0)
        return PyErr_SetFromErrno(PyExc_OSError);
    return PyLong_FromLong(sent);
}

static PyMethodDef functions[] = {
    {"receive", receive, METH_VARARGS, "receive(fd, most, size) -> [(octets, address)]"},
    {"send", send_, METH_VARARGS, "send(fd, [(octets, (host, port))]) -> how many were sent"},
    {NULL, NULL, 0, NULL}};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT, "_datagrams", "recvmmsg(2) and sendmmsg(2).", -1, functions,
    NULL, NULL, NULL, NULL};

PyMODINIT_FUNC
PyInit__datagrams(void)
{
    return PyModule_Create(&module);
}
