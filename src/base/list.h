/* list.h - intrusive doubly linked list. The head is a ListNode that points at itself when empty.
 */
#ifndef LUMA_BASE_LIST_H
#define LUMA_BASE_LIST_H

#include "base/status.h"

typedef struct ListNode {
    struct ListNode *next;
    struct ListNode *prev;
} ListNode;

static inline void list_init(ListNode *head)
{
    head->next = head->prev = head;
}
static inline bool list_empty(const ListNode *head)
{
    return head->next == head;
}
static inline void list_push_back(ListNode *head, ListNode *node)
{
    node->next = head;
    node->prev = head->prev;
    head->prev->next = node;
    head->prev = node;
}
static inline void list_remove(ListNode *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    node->next = node->prev = node;
}
/* NULL when empty. */
static inline ListNode *list_pop_front(ListNode *head)
{
    ListNode *node = head->next;
    if (node == head)
        return NULL;
    list_remove(node);
    return node;
}
/* Safe against removal of the current node. */
#define LIST_FOREACH(node, head)                                                                   \
    for (ListNode *node = (head)->next, *node##_next_ = node->next; node != (head);                \
         node = node##_next_, node##_next_ = node->next)

#endif
